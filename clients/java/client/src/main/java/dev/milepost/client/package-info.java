/** The client of Milepost: begin with {@link dev.milepost.client.MilepostClient}. */
package dev.milepost.client;

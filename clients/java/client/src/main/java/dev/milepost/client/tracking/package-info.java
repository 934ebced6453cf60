/** Experiments, runs and what is logged to them. */
package dev.milepost.client.tracking;

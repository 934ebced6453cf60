/** Lists that fetch their pages as they are read. */
package dev.milepost.client.paging;

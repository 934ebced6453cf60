package dev.milepost.client.paging;

import java.util.List;

/**
 * One page of a list.
 *
 * @param <T> the items
 * @param items the items, in the order of the list
 * @param nextToken fetches the next page; empty on the last one, and only there
 */
public record Page<T>(List<T> items, String nextToken) {}

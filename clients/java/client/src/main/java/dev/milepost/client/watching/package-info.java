/**
 * Streams of committed changes that go on where they stopped when a connection breaks or a server restarts:
 * {@link dev.milepost.client.watching.Watch}.
 */
package dev.milepost.client.watching;

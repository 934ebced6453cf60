/** The files of runs, up and down: checksummed, resumed after broken connections, several at a time. */
package dev.milepost.client.artifacts;

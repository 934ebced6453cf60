/**
 * How calls are made: connections, deadlines, safe retries. For the other packages of the client; no API of programs.
 */
package dev.milepost.client.calls;

/**
 * Values that Java and the protocol write in different ways: JSON, moments, masks of fields; and ids, digests, and
 * files that appear when they are complete. For the other packages of the client; no API of programs.
 */
package dev.milepost.client.values;

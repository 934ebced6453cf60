/**
 * Values that Java and the protocol write in different ways: JSON, moments, masks of fields. For the other packages of
 * the client; no API of programs.
 */
package dev.milepost.client.values;

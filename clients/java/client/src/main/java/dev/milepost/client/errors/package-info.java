/** What the client throws when a call failed. All are unchecked, and all extend {@code MilepostException}. */
package dev.milepost.client.errors;

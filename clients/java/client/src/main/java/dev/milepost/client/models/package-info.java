/**
 * Models as folders in Milepost's open format, {@code docs/model-format.md}: what is trained on the JVM is saved so
 * that Python and a model server load it. {@link dev.milepost.client.models.ModelFolder} writes and reads them.
 */
package dev.milepost.client.models;

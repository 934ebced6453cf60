/** Programs that train, register and ask a model from the JVM. Begin with {@link dev.milepost.examples.QuickStart}. */
package dev.milepost.examples;

/** The client of model servers ({@code milepost serve}), and of all that speak the Open Inference Protocol V2. */
package dev.milepost.client.serving;

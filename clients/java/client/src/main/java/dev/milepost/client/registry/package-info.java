/**
 * The model registry: logged models, registered models with their versions and aliases, events and webhooks.
 *
 * <pre>{@code
 * ModelFolder folder = ModelFolder.builder().flavor(Flavor.xgboost(bytes, "3.0.4")).save(Path.of("model"));
 * client.loggedModels()
 *         .publish(NewLoggedModel.of(run.id(), "classifier"), folder)
 *         .register(Registration.as("fraud").alias("candidate"));
 * client.registeredModels().setAlias("fraud", "champion", 7, 6); // only if it is version 6 now
 * client.modelVersions().download("models:/fraud@champion", Path.of("champion"));
 * }</pre>
 *
 * <p>Verbs of one call have a twin that ends in {@code Async}; those of many, such as {@code publish}, wait.
 */
package dev.milepost.client.registry;

package dev.milepost.client.registry;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Under which name to register a model, and what to say about the version that it becomes.
 *
 * @param name the registered model, which is created when it does not exist
 * @param description of the version, free text; empty for none
 * @param modelCard what the model is for, how it was made and judged, its limits; Markdown; empty for none
 * @param tags of the version, values by key
 * @param aliases to point to the version
 */
public record Registration(
        String name, String description, String modelCard, Map<String, String> tags, List<String> aliases) {
    /**
     * Checks that the version can be found by what it is given.
     *
     * @throws IllegalArgumentException when the name or an alias cannot stand in a URI
     */
    public Registration {
        tags = Map.copyOf(tags);
        aliases = List.copyOf(aliases);
        ModelUri.parse("models:/" + name + "/1");
        for (String alias : aliases) {
            if (ModelUri.parse("models:/" + name + "@" + alias).equals(new ModelUri.OfAlias(name, ModelUri.LATEST))) {
                throw new IllegalArgumentException(
                        "'latest' is no alias to set: it always is the version with the greatest number.");
            }
        }
    }

    /**
     * {@return one that says nothing but the name}
     *
     * @param name the registered model, which is created when it does not exist
     * @throws IllegalArgumentException when it cannot stand in a URI
     */
    public static Registration as(String name) {
        return new Registration(name, "", "", Map.of(), List.of());
    }

    /**
     * {@return the same with a description}
     *
     * @param text free text, Markdown by convention
     */
    public Registration description(String text) {
        return new Registration(name, text, modelCard, tags, aliases);
    }

    /**
     * {@return the same with a model card}
     *
     * @param text Markdown
     */
    public Registration modelCard(String text) {
        return new Registration(name, description, text, tags, aliases);
    }

    /**
     * {@return the same with one more tag}
     *
     * @param key 1-250 characters
     * @param value at most 100,000 characters
     */
    public Registration tag(String key, String value) {
        Map<String, String> more = new LinkedHashMap<>(tags);
        more.put(key, value);
        return new Registration(name, description, modelCard, more, aliases);
    }

    /**
     * {@return the same with one more alias}
     *
     * @param alias letters, digits, {@code _} and {@code -}; not {@code latest}, a number, or {@code v} with a number
     * @throws IllegalArgumentException when it is none
     */
    public Registration alias(String alias) {
        List<String> more = new ArrayList<>(aliases);
        more.add(alias);
        return new Registration(name, description, modelCard, tags, more);
    }
}

package dev.milepost.client.registry;

/**
 * Where a model is: what users write, taken apart. {@code toString()} puts it together again.
 *
 * <pre>
 * runs:/RUN_ID/PATH     the newest ready model of this name that a run logged, else a directory of its artifacts
 * models:/NAME/3        a version of a registered model
 * models:/NAME@ALIAS    the version that an alias points to
 * models:/NAME/latest   the version with the greatest number
 * models:/m-ID          a logged model
 * s3://bucket/model     files that the server does not keep
 * </pre>
 */
public sealed interface ModelUri {
    /** The alias that always points to the version with the greatest number. */
    String LATEST = "latest";

    /**
     * {@code models:/NAME/VERSION}.
     *
     * @param name the registered model
     * @param version number of the version
     */
    record OfVersion(String name, long version) implements ModelUri {
        @Override
        public String toString() {
            return "models:/" + name + "/" + version;
        }
    }

    /**
     * {@code models:/NAME@ALIAS}, or {@code models:/NAME/latest} for the alias {@code latest}.
     *
     * @param name the registered model
     * @param alias the alias
     */
    record OfAlias(String name, String alias) implements ModelUri {
        @Override
        public String toString() {
            return "models:/" + name + (alias.equals(LATEST) ? "/" : "@") + alias;
        }
    }

    /**
     * {@code models:/m-ID}.
     *
     * @param modelId id of the logged model
     */
    record OfLoggedModel(String modelId) implements ModelUri {
        @Override
        public String toString() {
            return "models:/" + modelId;
        }
    }

    /**
     * {@code runs:/RUN_ID/PATH}.
     *
     * @param runId the run
     * @param path name of a logged model of the run, or directory below its artifact folder
     */
    record OfRun(String runId, String path) implements ModelUri {
        @Override
        public String toString() {
            return "runs:/" + runId + "/" + path;
        }
    }

    /**
     * Any other URL.
     *
     * @param url the URL
     */
    record OfUrl(String url) implements ModelUri {
        @Override
        public String toString() {
            return url;
        }
    }

    /**
     * Takes apart what says where a model is. Asks no server; nothing is percent-decoded.
     *
     * @param text one of the forms above
     * @return its parts
     * @throws IllegalArgumentException when it has none of these forms; the message says what to write instead
     */
    static ModelUri parse(String text) {
        return new ModelUriParser(text).parse();
    }
}

package dev.milepost.client.registry;

import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One reading of a URI. */
final class ModelUriParser {
    private static final Pattern SCHEME = Pattern.compile("([A-Za-z][A-Za-z0-9+.-]+):");
    private static final Pattern RUN_ID = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,63}");
    private static final Pattern MODEL_ID = Pattern.compile("m-[0-9a-f]{32}");
    private static final Pattern VERSION = Pattern.compile("[1-9][0-9]{0,17}");
    private static final Pattern ALIAS = Pattern.compile("[A-Za-z0-9_-]{1,255}");
    private static final Pattern CONTROL = Pattern.compile("[\\x00-\\x1f\\x7f]");
    private static final Pattern NUMBERED = Pattern.compile("[vV]?[0-9]+");
    private static final List<String> STAGES = List.of("none", "staging", "production", "archived");
    private static final int LONGEST_NAME = 250;
    private static final int LONGEST_SHOWN = 300;

    private final String text;

    ModelUriParser(String text) {
        this.text = text;
    }

    ModelUri parse() {
        if (text.isBlank()) {
            throw bad("it is empty. Give, for example, models:/NAME/3");
        }
        if (CONTROL.matcher(text).find()) {
            throw bad("it has a control character");
        }
        Matcher scheme = SCHEME.matcher(text);
        if (!scheme.lookingAt()) {
            throw bad("it has no scheme. Files of this machine are published by LoggedModels.publish");
        }
        String rest = text.substring(scheme.end());
        return switch (scheme.group(1).toLowerCase(Locale.ROOT)) {
            case "models" -> registered(afterSlash(rest));
            case "runs" -> ofRun(afterSlash(rest));
            case "file" -> throw bad("files of this machine are published by LoggedModels.publish");
            default -> url();
        };
    }

    private String afterSlash(String rest) {
        if (!rest.startsWith("/") || rest.startsWith("//")) {
            throw bad("the scheme is followed by one slash, as in models:/NAME/3; the client chooses the server");
        }
        return rest.substring(1);
    }

    private ModelUri registered(String rest) {
        int slash = rest.indexOf('/');
        if (slash >= 0) {
            return numbered(checkedName(rest.substring(0, slash)), rest.substring(slash + 1));
        }
        int at = rest.indexOf('@');
        if (at >= 0) {
            return aliased(checkedName(rest.substring(0, at)), rest.substring(at + 1));
        }
        if (MODEL_ID.matcher(rest).matches()) {
            return new ModelUri.OfLoggedModel(rest);
        }
        String name = checkedName(rest);
        throw bad("it does not say which version. Give models:/" + name + "/3, models:/" + name
                + "@ALIAS or models:/" + name + "/latest. Ids of logged models are m- and 32 hexadecimal digits");
    }

    private ModelUri numbered(String name, String version) {
        if (version.equals(ModelUri.LATEST)) {
            return new ModelUri.OfAlias(name, ModelUri.LATEST);
        }
        if (VERSION.matcher(version).matches()) {
            return new ModelUri.OfVersion(name, Long.parseLong(version));
        }
        String lower = version.toLowerCase(Locale.ROOT);
        if (STAGES.contains(lower)) {
            throw bad("'" + version + "' is a stage, and several versions may have it. Point an alias to the version"
                    + " that you mean, and give models:/" + name + "@" + lower);
        }
        throw bad("'" + version + "' is no number of a version. Give models:/" + name + "/3, models:/" + name
                + "/latest, or models:/" + name + "@ALIAS for an alias");
    }

    private ModelUri aliased(String name, String alias) {
        if (NUMBERED.matcher(alias).matches()) {
            throw bad("'" + alias + "' reads as a version, which follows a slash: models:/" + name + "/3");
        }
        boolean latest = alias.toLowerCase(Locale.ROOT).equals(ModelUri.LATEST);
        if (!ALIAS.matcher(alias).matches() || (latest && !alias.equals(ModelUri.LATEST))) {
            throw bad("'" + alias + "' is no alias: letters, digits, '_' and '-', and not 'latest' in another case");
        }
        return new ModelUri.OfAlias(name, alias);
    }

    private String checkedName(String name) {
        boolean dots = name.equals(".") || name.equals("..");
        if (name.isBlank() || dots || name.contains(":") || name.contains("@")
                || name.codePointCount(0, name.length()) > LONGEST_NAME) {
            throw bad("'" + shortened(name) + "' is no name of a registered model: 1-" + LONGEST_NAME
                    + " characters, not '.' or '..', without '/', ':' and '@'");
        }
        return name;
    }

    private ModelUri ofRun(String rest) {
        int slash = rest.indexOf('/');
        String runId = slash < 0 ? rest : rest.substring(0, slash);
        if (!RUN_ID.matcher(runId).matches()) {
            throw bad("'" + shortened(runId) + "' is no id of a run. Give runs:/RUN_ID/PATH");
        }
        String path = slash < 0 ? "" : rest.substring(slash + 1);
        if (path.isEmpty()) {
            throw bad("it does not say which model of the run. Give runs:/" + runId + "/PATH");
        }
        for (String segment : path.split("/", -1)) {
            if (segment.isEmpty() || segment.equals(".") || segment.equals("..") || segment.contains("\\")) {
                throw bad("its path has an empty segment, '.', '..' or a backslash");
            }
        }
        return new ModelUri.OfRun(runId, path);
    }

    private ModelUri url() {
        int separator = text.lastIndexOf("://");
        if (separator < 0 || separator + 3 == text.length()) {
            throw bad("it is no URL such as s3://bucket/model");
        }
        if (text.startsWith("mlflow-artifacts")) {
            throw bad("only an MLflow server can open it. Give the URL of its artifact store");
        }
        if (List.of(text.substring(separator + 3).split("[/\\\\]")).contains("..")) {
            throw bad("a path with '..' is not followed");
        }
        return new ModelUri.OfUrl(text);
    }

    private IllegalArgumentException bad(String why) {
        return new IllegalArgumentException("'" + shortened(text) + "' is no URI of a model: " + why + ".");
    }

    private static String shortened(String text) {
        return text.length() <= LONGEST_SHOWN ? text : text.substring(0, LONGEST_SHOWN) + "…";
    }
}

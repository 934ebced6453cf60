package dev.milepost.client.registry;

import dev.milepost.v1.FinalizeLoggedModelRequest;
import dev.milepost.v1.LoggedModel;
import dev.milepost.v1.ModelFile;
import java.util.Collection;

/**
 * How the upload of a logged model ends.
 *
 * @param request what is sent, without the id of the model
 */
public record ModelCompletion(FinalizeLoggedModelRequest request) {
    private static final int LONGEST_MESSAGE = 2000;

    /**
     * {@return that it is ready}
     *
     * @param files all its files with their digests, at least one; those on the server must be these and no others
     */
    public static ModelCompletion ready(Collection<ModelFile> files) {
        return new ModelCompletion(FinalizeLoggedModelRequest.newBuilder()
                .setStatus(LoggedModel.Status.STATUS_READY)
                .addAllFiles(files)
                .build());
    }

    /** {@return that it is ready with the files that are on the server, perhaps none; a lost one stays unnoticed} */
    public static ModelCompletion readyAsStored() {
        return new ModelCompletion(FinalizeLoggedModelRequest.newBuilder()
                .setStatus(LoggedModel.Status.STATUS_READY)
                .setStoredFiles(true)
                .build());
    }

    /**
     * {@return that the upload was given up}
     *
     * @param why for people; cut after 2,000 characters
     */
    public static ModelCompletion failed(String why) {
        int end = Math.min(why.length(), LONGEST_MESSAGE);
        boolean halved = end < why.length() && Character.isHighSurrogate(why.charAt(end - 1));
        return new ModelCompletion(FinalizeLoggedModelRequest.newBuilder()
                .setStatus(LoggedModel.Status.STATUS_FAILED)
                .setStatusMessage(why.substring(0, halved ? end - 1 : end))
                .build());
    }

    /**
     * {@return the same with flavors in place of those given on create}
     *
     * @param names flavors; none: those stay
     */
    public ModelCompletion flavors(Collection<String> names) {
        return new ModelCompletion(
                request.toBuilder().clearFlavors().addAllFlavors(names).build());
    }

    /**
     * {@return the same with a signature in place of the one given on create}
     *
     * @param json as in the descriptor; empty: that stays
     */
    public ModelCompletion signatureJson(String json) {
        return new ModelCompletion(request.toBuilder().setSignatureJson(json).build());
    }
}

package dev.milepost.client.tracking;

import dev.milepost.client.values.Masks;
import dev.milepost.client.values.Times;
import dev.milepost.v1.Run;
import dev.milepost.v1.UpdateRunRequest;
import java.time.Instant;
import java.util.function.UnaryOperator;

/**
 * What to change of a run. What is not named stays.
 *
 * @param request what is sent, without the id of the run
 */
public record RunUpdate(UpdateRunRequest request) {
    /** {@return one that changes nothing yet} */
    public static RunUpdate none() {
        return new RunUpdate(UpdateRunRequest.getDefaultInstance());
    }

    /**
     * {@return the same with a new name}
     *
     * @param name shown in lists, 1-250 characters
     */
    public RunUpdate name(String name) {
        return with("name", run -> run.setName(name));
    }

    /**
     * {@return the same with a new state}
     *
     * @param state where it stands; a final one without {@link #endTime} makes the server set that, one that is not
     *     final clears it
     */
    public RunUpdate state(Run.State state) {
        return with("state", run -> run.setState(state));
    }

    /**
     * {@return the same with a new start}
     *
     * @param moment when the work began
     */
    public RunUpdate startTime(Instant moment) {
        return with("start_time", run -> run.setStartTime(Times.timestamp(moment)));
    }

    /**
     * {@return the same with a new end}
     *
     * @param moment when the work ended
     */
    public RunUpdate endTime(Instant moment) {
        return with("end_time", run -> run.setEndTime(Times.timestamp(moment)));
    }

    /**
     * {@return the same with a new description}
     *
     * @param text free text, at most 100,000 characters
     */
    public RunUpdate description(String text) {
        return with("description", run -> run.setDescription(text));
    }

    /**
     * {@return the same with a new user}
     *
     * @param name who started it, at most 250 characters
     */
    public RunUpdate user(String name) {
        return with("user", run -> run.setUser(name));
    }

    /**
     * {@return the same with fields to be emptied}
     *
     * @param fields of {@link Run}, for example {@code end_time}
     */
    public RunUpdate clear(String... fields) {
        return new RunUpdate(request.toBuilder()
                .setUpdateMask(Masks.with(request.getUpdateMask(), fields))
                .build());
    }

    /**
     * {@return the same, refused with {@code ETAG_MISMATCH} when the run has changed since}
     *
     * @param etag {@link RunHandle#etag} as it was read
     */
    public RunUpdate ifEtag(String etag) {
        return new RunUpdate(request.toBuilder()
                .setRun(request.getRun().toBuilder().setEtag(etag))
                .build());
    }

    UpdateRunRequest of(String id) {
        return request.toBuilder()
                .setRun(request.getRun().toBuilder().setRunId(id))
                .build();
    }

    private RunUpdate with(String field, UnaryOperator<Run.Builder> change) {
        return new RunUpdate(request.toBuilder()
                .setRun(change.apply(request.getRun().toBuilder()))
                .setUpdateMask(Masks.with(request.getUpdateMask(), field))
                .build());
    }
}

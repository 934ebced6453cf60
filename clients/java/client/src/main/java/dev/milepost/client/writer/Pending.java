package dev.milepost.client.writer;

/** A batch in memory that is being sent. For the one thread of its backlog. */
final class Pending {
    final Batch batch;
    /** Where its record ends in the spool file; 0 when it is not there. */
    long end;
    /** Whether it needs no more sending. */
    boolean answered;

    Pending(Batch batch, long end) {
        this.batch = batch;
        this.end = end;
    }
}

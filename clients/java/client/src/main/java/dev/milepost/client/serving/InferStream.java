package dev.milepost.client.serving;

import dev.milepost.client.errors.Errors;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.inference.ModelInferRequest;
import dev.milepost.inference.ModelStreamInferResponse;
import dev.milepost.v1.ErrorReason;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * The answers to a stream of requests, as they come; Milepost keeps the order of the requests. Requests are taken and
 * sent while answers are read, as far ahead as the server takes them. A request that fails has an answer with an
 * {@link InferResult#error}, and the stream goes on. Closing it ends it. For one thread.
 */
public final class InferStream implements Iterator<InferResult>, AutoCloseable {
    private static final Object READY = new Object();

    private final ClientCall<ModelInferRequest, ModelStreamInferResponse> call;
    private final Iterator<InferRequest> requests;
    private final BlockingQueue<Object> events = new LinkedBlockingQueue<>();
    private InferResult next;
    private boolean sentAll;
    private boolean ended;

    InferStream(ClientCall<ModelInferRequest, ModelStreamInferResponse> call, Iterator<InferRequest> requests) {
        this.call = call;
        this.requests = requests;
        call.start(new Events(), new Metadata());
        call.request(1);
    }

    /**
     * Waits for an answer or the end, and sends requests meanwhile.
     *
     * @return whether there is an answer; false once this is closed
     * @throws MilepostException the stream failed; nothing is repeated
     */
    @Override
    public boolean hasNext() {
        while (next == null && !ended) {
            Object event = events.poll();
            if (event == null && !send()) {
                event = await();
            }
            if (event instanceof ModelStreamInferResponse response) {
                next = new InferResult(response.getInferResponse(), response.getErrorMessage());
                call.request(1);
            } else if (event instanceof MilepostException error) {
                ended = true;
                throw error;
            } else if (event instanceof Status) {
                ended = true;
            }
        }
        return next != null;
    }

    /**
     * Waits for an answer.
     *
     * @return the answer
     * @throws NoSuchElementException at the end
     * @throws MilepostException as {@link #hasNext}
     */
    @Override
    public InferResult next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        InferResult found = next;
        next = null;
        return found;
    }

    /** Ends the stream; answers that were not read are lost. */
    @Override
    public void close() {
        next = null;
        ended = true;
        call.cancel("The stream was closed.", null);
    }

    /** Sends a request, or the end of them, if the call takes it now. */
    private boolean send() {
        if (sentAll || !call.isReady()) {
            return false;
        }
        if (requests.hasNext()) {
            call.sendMessage(requests.next().proto());
        } else {
            sentAll = true;
            call.halfClose();
        }
        return true;
    }

    private Object await() {
        try {
            return events.take();
        } catch (InterruptedException interrupted) {
            close();
            Thread.currentThread().interrupt();
            throw Errors.of(
                    Status.CANCELLED.withDescription("The thread was interrupted.").withCause(interrupted),
                    ErrorReason.ERROR_REASON_UNSPECIFIED,
                    Map.of());
        }
    }

    private final class Events extends ClientCall.Listener<ModelStreamInferResponse> {
        @Override
        public void onReady() {
            events.add(READY);
        }

        @Override
        public void onMessage(ModelStreamInferResponse response) {
            events.add(response);
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            events.add(status.isOk() ? status : Errors.from(status.asRuntimeException(trailers)));
        }
    }
}

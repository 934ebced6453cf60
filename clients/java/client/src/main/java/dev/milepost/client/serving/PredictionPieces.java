package dev.milepost.client.serving;

import dev.milepost.client.errors.Errors;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.v1.GeneratePredictionsRequest;
import dev.milepost.v1.GeneratePredictionsResponse;
import dev.milepost.v1.PredictOutput;
import io.grpc.ClientCall;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.util.Iterator;
import java.util.NoSuchElementException;

/**
 * The answer of a model that answers piece by piece, as its pieces come; the model goes on only as fast as they are
 * read. Closing it ends the model's work. For one thread.
 *
 * <pre>{@code
 * try (PredictionPieces pieces = server.generate("writer", batch)) {
 *     pieces.forEachRemaining(piece -> print(piece.rows()));
 * }
 * }</pre>
 */
public final class PredictionPieces implements Iterator<Prediction>, AutoCloseable {
    private final ClientCall<GeneratePredictionsRequest, GeneratePredictionsResponse> call;
    private final Iterator<GeneratePredictionsResponse> responses;
    private boolean closed;

    PredictionPieces(
            ClientCall<GeneratePredictionsRequest, GeneratePredictionsResponse> call,
            GeneratePredictionsRequest request) {
        this.call = call;
        this.responses = ClientCalls.blockingServerStreamingCall(call, request);
    }

    /**
     * Waits for a piece or the end.
     *
     * @return whether there is a piece; false once this is closed
     * @throws MilepostException the model failed, cannot answer piece by piece ({@code MODEL_CANNOT_STREAM}), or the
     *     deadline passed; nothing is repeated
     */
    @Override
    public boolean hasNext() {
        try {
            return !closed && responses.hasNext();
        } catch (StatusRuntimeException failed) {
            throw Errors.from(failed);
        }
    }

    /**
     * Waits for a piece.
     *
     * @return the piece
     * @throws NoSuchElementException at the end
     * @throws MilepostException as {@link #hasNext}
     */
    @Override
    public Prediction next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        PredictOutput output = responses.next().getOutput();
        return new Prediction(output, output.getId());
    }

    /** Ends the call; pieces that were not read are lost. */
    @Override
    public void close() {
        closed = true;
        call.cancel("The pieces were closed.", null);
    }
}

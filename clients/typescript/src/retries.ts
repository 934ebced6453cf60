/** Repeats of calls whose answer was lost or who came at a bad time. */

import { Code, ConnectError } from "@connectrpc/connect";
import { errorDetails } from "./errors.js";
import { ErrorReason } from "./gen/milepost/v1/errors_pb.js";

const MOST_ATTEMPTS = 6;
/** What may itself have ended the process of a model is tried on one more, and not on all that the server starts anew. */
const MOST_LOST_WORKERS = 2;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5000;

/**
 * Runs attempts at a call until one succeeds or another would not help, with growing and random delays between them,
 * never shorter than the server asks for.
 *
 * @param attempt Makes one attempt.
 * @param deadline When the call must be done, in milliseconds as `Date.now()` counts. There is no attempt after it.
 * @param signal Ends the waiting.
 * @throws What the last attempt failed with.
 */
export async function withRetries<T>(attempt: () => Promise<T>, deadline: number, signal: AbortSignal): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      const { reason, retryAfterMs } = errorDetails(error);
      const most = reason === ErrorReason.WORKER_LOST ? MOST_LOST_WORKERS : MOST_ATTEMPTS;
      const growing = Math.min(FIRST_DELAY_MS * 2 ** (failures - 1), LONGEST_DELAY_MS) * (0.5 + Math.random() / 2);
      const delay = Math.max(growing, retryAfterMs ?? 0);
      if (signal.aborted || !isRetriable(error, reason) || failures >= most || Date.now() + delay >= deadline) {
        throw error;
      }
      await pause(delay, signal);
    }
  }
}

function isRetriable(error: unknown, reason: ErrorReason): boolean {
  if (!(error instanceof ConnectError)) {
    return false;
  }
  switch (error.code) {
    case Code.Unavailable:
      return true;
    case Code.Aborted: // what changed since it was read is the same at the next attempt
      return reason !== ErrorReason.ETAG_MISMATCH && reason !== ErrorReason.ALIAS_MOVED;
    case Code.ResourceExhausted:
      return reason === ErrorReason.TOO_MANY_REQUESTS;
    default:
      return false;
  }
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, delayMs);
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** Errors: `google.rpc.Status` of the server as `ConnectError`, and what its details say. */

import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeFromHttpStatus } from "@connectrpc/connect/protocol-connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { ErrorReason } from "./gen/milepost/v1/errors_pb.js";
import { DETAILS, READING } from "./json.js";

/** A field of a request that breaks a rule. */
export interface FieldViolation {
  /** Path of the field in the request message, in proto spelling, such as `metrics[3].key`. */
  readonly field: string;
  /** What is wrong and what to do. */
  readonly description: string;
}

/** What an error says beside its code and message. */
export interface ErrorDetails {
  /** Why, in a form that is stable. `UNSPECIFIED`: this client does not know the reason, or there is none. */
  readonly reason: ErrorReason;
  /** The variables of the message, under stable names. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields at fault, if any. */
  readonly fields: readonly FieldViolation[];
  /** Milliseconds after which to try again. Undefined when the server does not say. */
  readonly retryAfterMs: number | undefined;
}

const DOMAIN = "milepost";

/**
 * Reads the details of an error that a call failed with.
 *
 * @param error Whatever was caught. What is no `ConnectError` of a Milepost server has no details.
 * @example
 * ```ts
 * if (errorDetails(error).reason === ErrorReason.RUN_NOT_FOUND) { … }
 * ```
 */
export function errorDetails(error: unknown): ErrorDetails {
  const failure = ConnectError.from(error);
  const info = failure.findDetails(ErrorInfoSchema).find(({ domain }) => domain === DOMAIN);
  const delay: Duration | undefined = failure.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return {
    reason: reasonOf(info?.reason),
    metadata: info?.metadata ?? {},
    fields: failure
      .findDetails(BadRequestSchema)
      .flatMap(({ fieldViolations }) => fieldViolations.map(({ field, description }) => ({ field, description }))),
    retryAfterMs: delay === undefined ? undefined : durationMs(delay),
  };
}

function reasonOf(name: string | undefined): ErrorReason {
  const reason: unknown = name === undefined ? undefined : Reflect.get(ErrorReason, name);
  return typeof reason === "number" ? reason : ErrorReason.UNSPECIFIED;
}

/** The error of an answer whose HTTP status is none of success. Of a proxy it may have no `google.rpc.Status`. */
export async function errorOfResponse(response: Response): Promise<ConnectError> {
  const text = await response.text();
  try {
    return errorOfStatus(JSON.parse(text), response.headers);
  } catch {
    const said = text.length > 0 && text.length <= 200 ? `: ${text}` : "";
    return new ConnectError(
      `HTTP ${response.status} ${response.statusText}${said}`,
      codeFromHttpStatus(response.status),
      response.headers,
    );
  }
}

/**
 * A `google.rpc.Status` in JSON as an error.
 *
 * @throws {TypeError} It is none.
 */
export function errorOfStatus(status: JsonValue, headers: Headers): ConnectError {
  if (typeof status !== "object" || status === null || Array.isArray(status)) {
    throw new TypeError("no google.rpc.Status");
  }
  const { code, message, details } = status;
  if (typeof code !== "number" || Code[code] === undefined) {
    throw new TypeError("a google.rpc.Status without a code");
  }
  const known = Array.isArray(details) ? details.flatMap(detailOf) : [];
  return new ConnectError(typeof message === "string" ? message : "", code, headers, known);
}

/** A detail in the form that `ConnectError` takes. Those that this client does not know are left out. */
function detailOf(detail: JsonValue) {
  if (typeof detail !== "object" || detail === null || Array.isArray(detail)) {
    return [];
  }
  const { "@type": url, ...value } = detail;
  const desc = typeof url === "string" ? DETAILS.getMessage(url.slice(url.lastIndexOf("/") + 1)) : undefined;
  return desc === undefined ? [] : [{ desc, value: fromJson(desc, value, READING) }];
}

/** Whatever `fetch`, or reading its answer, failed with: the server is away, unless the caller stopped the call. */
export function errorOfConnection(raised: unknown, signal: AbortSignal): unknown {
  if (raised instanceof ConnectError || signal.aborted) {
    return raised;
  }
  const { cause } = raised as { cause?: unknown };
  const why = cause instanceof Error ? cause.message : raised instanceof Error ? raised.message : String(raised);
  return new ConnectError(`The server does not answer: ${why}`, Code.Unavailable, undefined, undefined, raised);
}

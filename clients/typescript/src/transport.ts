/** The transport: calls of the generated services over Milepost's REST interface. */

import {
  type DescMessage,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  fromJsonString,
  type Message,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ContextValues,
  createContextValues,
  type Interceptor,
  type StreamRequest,
  type StreamResponse,
  type Transport,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { runStreamingCall, runUnaryCall } from "@connectrpc/connect/protocol";
import { downloadOf, rangeOf } from "./downloads.js";
import { errorOfConnection, errorOfResponse } from "./errors.js";
import { READING } from "./json.js";
import { requestOf } from "./requests.js";
import { withRetries } from "./retries.js";
import { type MethodRules, rulesOf } from "./rules.js";
import { LINES, messagesOf } from "./streams.js";
import { uploadOf } from "./uploads.js";

/** Settings of a transport. */
export interface MilepostTransportOptions {
  /**
   * Address of the server's HTTP listener, such as `http://127.0.0.1:5000`, with the path under which a proxy may have
   * it. In a page that the server itself gave: `window.location.origin`.
   */
  readonly baseUrl: string;
  /** What sends requests. Default: `fetch` of the platform. */
  readonly fetch?: typeof globalThis.fetch;
  /** Sees and changes calls, for example to add a header; the last one is nearest to the server. Default: none. */
  readonly interceptors?: readonly Interceptor[];
  /**
   * Milliseconds that a unary call may take, repeats included, when the call has no `timeoutMs` of its own. 0 for no
   * limit. Streams have none but their own `timeoutMs`. Default: 30,000.
   */
  readonly defaultTimeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const JSON_TYPE = "application/json";
/** The server reads 8 digits. */
const MOST_MILLISECONDS = 99_999_999;

/**
 * Makes a transport over Milepost's REST interface, for `createClient` of `@connectrpc/connect` and the services of this
 * package. It holds no connection and needs no closing.
 *
 * - Each call becomes path, query and JSON body as the `google.api.http` rule of its method says.
 * - Calls fail with `ConnectError`; `errorDetails` reads the reason.
 * - Unary calls that are safe to repeat (reads, and what has a `request_id`, which the transport sets) are repeated when the
 *   server does not answer or says that it may help.
 * - Server streams come as the server sends them. **To leave one early, abort its `signal`**: `break` alone leaves the
 *   connection open, as with every transport of Connect.
 * - Methods that stream both ways have no HTTP form and fail with `Unimplemented`.
 */
export function createMilepostTransport(options: MilepostTransportOptions): Transport {
  return new RestTransport(options);
}

class RestTransport implements Transport {
  private readonly base: string;

  constructor(private readonly options: MilepostTransportOptions) {
    this.base = options.baseUrl.replace(/\/+$/, "");
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeadersInit | undefined,
    message: MessageInitShape<I>,
    contextValues?: ContextValues,
  ): Promise<UnaryResponse<I, O>> {
    const known = rulesFor(method);
    const limit = timeoutMs ?? this.options.defaultTimeoutMs ?? DEFAULT_TIMEOUT_MS;
    const deadline = deadlineAfter(limit);
    const common = this.common(method, known, header, contextValues);
    return runUnaryCall<I, O>({
      ...this.settings(signal, limit),
      req: { ...common, stream: false, method, message },
      next: (request) => this.runUnary(known, request, deadline),
    });
  }

  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeadersInit | undefined,
    message: AsyncIterable<MessageInitShape<I>>,
    contextValues?: ContextValues,
  ): Promise<StreamResponse<I, O>> {
    const known = rulesFor(method);
    const limit = timeoutMs ?? 0;
    const deadline = deadlineAfter(limit);
    const common = this.common(method, known, header, contextValues);
    return runStreamingCall<I, O>({
      ...this.settings(signal, limit),
      req: { ...common, stream: true, method, message },
      next: (request) => {
        return method.methodKind === "client_streaming"
          ? this.runUpload(known, request, deadline)
          : this.runDown(known, request, deadline);
      },
    });
  }

  /** What all requests have. The URL is the template of the path, by which interceptors can group calls. */
  private common(
    method: DescMethod,
    { rules: [main] }: MethodRules,
    header: HeadersInit | undefined,
    contextValues: ContextValues | undefined,
  ) {
    return {
      service: method.parent,
      requestMethod: main.verb,
      url: this.base + main.template,
      header: new Headers(header),
      contextValues: contextValues ?? createContextValues(),
    };
  }

  private settings(signal: AbortSignal | undefined, limit: number) {
    return {
      interceptors: [...(this.options.interceptors ?? [])],
      ...(signal === undefined ? {} : { signal }),
      ...(limit > 0 ? { timeoutMs: limit } : {}),
    };
  }

  private async runUnary<I extends DescMessage, O extends DescMessage>(
    known: MethodRules,
    { method, service, message, signal, header }: UnaryRequest<I, O>,
    deadline: number,
  ): Promise<UnaryResponse<I, O>> {
    const request = requestOf(method, known, message);
    const headers = new Headers(header);
    headers.set("accept", JSON_TYPE);
    if (request.body !== undefined) {
      headers.set("content-type", JSON_TYPE);
    }
    if (known.takesRequestId && !Reflect.get(message, "requestId") && !headers.has("idempotency-key")) {
      headers.set("idempotency-key", newId());
    }
    const attempt = async () => {
      const response = await this.send(request.target, deadline, signal, request.verb, headers, request.body);
      return { answer: await answerOf(method.output, response, signal), header: response.headers };
    };
    const { answer, header: answered } = await (known.repeatable ? withRetries(attempt, deadline, signal) : attempt());
    return { stream: false, service, method, header: answered, trailer: new Headers(), message: answer };
  }

  private async runDown<I extends DescMessage, O extends DescMessage>(
    known: MethodRules,
    { method, service, message, signal, header }: StreamRequest<I, O>,
    deadline: number,
  ): Promise<StreamResponse<I, O>> {
    const input = await only(message);
    const option = known.byteRange;
    const headers = new Headers(header);
    const range = option === undefined ? undefined : rangeOf(method, option, input);
    if (range !== undefined) {
      headers.set("range", range);
    }
    const raw = known.responseBody !== "";
    headers.set("accept", raw ? "*/*" : LINES);
    const reserved = option === undefined ? [] : [option.offsetField, option.lengthField];
    const request = requestOf(method, known, input, reserved);
    if (request.body !== undefined) {
      headers.set("content-type", JSON_TYPE);
    }
    const response = await this.send(request.target, deadline, signal, request.verb, headers, request.body);
    if (range !== undefined && response.status !== 206) {
      throw new ConnectError("A range was asked for, and all came.", Code.Internal, response.headers);
    }
    const messages = raw
      ? (downloadOf(method, known, response, signal) as StreamResponse<I, O>["message"])
      : messagesOf(method.output, response, signal);
    return { stream: true, service, method, header: response.headers, trailer: new Headers(), message: messages };
  }

  private async runUpload<I extends DescMessage, O extends DescMessage>(
    known: MethodRules,
    { method, service, message, signal, header }: StreamRequest<I, O>,
    deadline: number,
  ): Promise<StreamResponse<I, O>> {
    const { request, contentType, body, failure } = await uploadOf(method, known, message);
    const headers = new Headers(header);
    headers.set("accept", JSON_TYPE);
    if (contentType !== "") {
      headers.set("content-type", contentType);
    }
    const sending = this.send(request.target, deadline, signal, request.verb, headers, body);
    const response = await sending.catch((raised) => {
      throw failure() ?? raised;
    });
    const answer = await answerOf(method.output, response, signal);
    return {
      stream: true,
      service,
      method,
      header: response.headers,
      trailer: new Headers(),
      message: (async function* () {
        yield answer;
      })(),
    };
  }

  /** Sends a request and returns its answer, which is a success. */
  private async send(
    target: string,
    deadline: number,
    signal: AbortSignal,
    method: string,
    header: Headers,
    body: BodyInit | undefined,
  ): Promise<Response> {
    const headers = new Headers(header);
    if (deadline !== Number.POSITIVE_INFINITY) {
      headers.set("grpc-timeout", timeout(deadline - Date.now()));
    }
    const duplex = body instanceof ReadableStream ? { duplex: "half" } : {};
    const { fetch = globalThis.fetch } = this.options;
    let response: Response;
    try {
      response = await fetch(this.base + target, { method, headers, signal, body: body ?? null, ...duplex });
    } catch (raised) {
      throw errorOfConnection(raised, signal);
    }
    if (!response.ok) {
      throw await errorOfResponse(response);
    }
    return response;
  }
}

function rulesFor(method: DescMethod): MethodRules {
  const known = rulesOf(method);
  if (known === undefined) {
    throw new ConnectError(
      `${method.parent.name}.${method.name} has no HTTP form, since it streams both ways: use gRPC.`,
      Code.Unimplemented,
    );
  }
  return known;
}

async function answerOf<O extends DescMessage>(output: O, response: Response, signal: AbortSignal) {
  let text: string;
  try {
    text = await response.text();
  } catch (raised) {
    throw errorOfConnection(raised, signal);
  }
  try {
    return fromJsonString(output, text, READING);
  } catch (raised) {
    const message = `The answer is no ${output.name}: is this the address of a Milepost server?`;
    throw new ConnectError(message, Code.Internal, response.headers, undefined, raised);
  }
}

async function only<T extends Message>(messages: AsyncIterable<T>): Promise<T> {
  for await (const message of messages) {
    return message;
  }
  throw new ConnectError("A call needs a request message.", Code.InvalidArgument);
}

/** When a call must be done that may take so many milliseconds; 0 or less: never. */
function deadlineAfter(limitMs: number): number {
  return limitMs > 0 ? Date.now() + limitMs : Number.POSITIVE_INFINITY;
}

/** What is left of a deadline, as the header `grpc-timeout` has it. */
function timeout(leftMs: number): string {
  const milliseconds = Math.max(1, Math.ceil(leftMs));
  return milliseconds <= MOST_MILLISECONDS ? `${milliseconds}m` : `${Math.ceil(milliseconds / 1000)}S`;
}

/** 32 random hexadecimal digits. (`crypto.randomUUID` is missing in pages that came over plain HTTP.) */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

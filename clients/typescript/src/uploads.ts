/** Raw bytes up, from the messages of the stream that the method has in its proto. */

import type { DescField, DescMethod, Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { Code, ConnectError } from "@connectrpc/connect";
import type { HttpBody } from "./gen/google/api/httpbody_pb.js";
import { type HttpRequest, requestOf } from "./requests.js";
import type { MethodRules } from "./rules.js";

/** What is sent for an upload. */
export interface Upload {
  /** Where to. It has no body. */
  readonly request: HttpRequest;
  /** Media type of the bytes. Empty: the caller does not say. */
  readonly contentType: string;
  /** The bytes. */
  readonly body: ReadableStream<Uint8Array> | Blob;
  /** What the messages failed with while they were sent, which `fetch` hides behind an error of its own. */
  readonly failure: () => unknown;
}

/**
 * Takes the messages of an upload apart. Path and query come from the first message; in Node the bytes are sent as they
 * come, in browsers, which cannot send streams over HTTP/1.1, they are gathered first.
 *
 * @param method The method.
 * @param known Its rules.
 * @param messages The request messages.
 * @throws {ConnectError} `InvalidArgument`: there is no message, or a path cannot be made of the first.
 */
export async function uploadOf(
  method: DescMethod,
  known: MethodRules,
  messages: AsyncIterable<Message>,
): Promise<Upload> {
  const body = method.input.fields.find((field) => field.name === known.rules[0].body);
  if (body === undefined) {
    throw new ConnectError(`${method.name} takes no raw bytes, so it has no HTTP form.`, Code.Unimplemented);
  }
  const iterator = messages[Symbol.asyncIterator]();
  const { value: first, done } = await iterator.next();
  if (done === true) {
    throw new ConnectError("An upload needs a message that says where it goes.", Code.InvalidArgument);
  }
  const head = reflect(method.input, { ...first });
  const { contentType = "", data } = partOf(head, body) ?? {};
  head.clear(body);
  const request = requestOf(method, known, head.message);
  const chunks = bytesOf(data, iterator, method, body);
  if (inBrowser()) {
    return { request, contentType, body: new Blob(await gathered(chunks)), failure: () => undefined };
  }
  let failure: unknown;
  const stream = streamOf(chunks, (raised) => {
    failure = raised;
  });
  return { request, contentType, body: stream, failure: () => failure };
}

function inBrowser(): boolean {
  return "document" in globalThis || "WorkerGlobalScope" in globalThis;
}

function partOf(message: ReflectMessage, body: DescField): HttpBody | undefined {
  return message.isSet(body) ? ((message.get(body) as ReflectMessage).message as HttpBody) : undefined;
}

async function* bytesOf(
  first: Uint8Array | undefined,
  iterator: AsyncIterator<Message>,
  method: DescMethod,
  body: DescField,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let data = first, isDone: boolean | undefined = false; !isDone;) {
    if (data !== undefined && data.length > 0) {
      yield data as Uint8Array<ArrayBuffer>;
    }
    const next = await iterator.next();
    isDone = next.done;
    data = isDone === true ? undefined : furtherPart(reflect(method.input, next.value), body);
  }
}

function furtherPart(message: ReflectMessage, body: DescField): Uint8Array | undefined {
  const other = message.fields.find((field) => field !== body && message.isSet(field));
  if (other !== undefined) {
    throw new ConnectError(`Over HTTP, ${other.name} can be in the first message only.`, Code.InvalidArgument);
  }
  return partOf(message, body)?.data;
}

async function gathered(chunks: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<BlobPart[]> {
  const parts: BlobPart[] = [];
  for await (const chunk of chunks) {
    parts.push(chunk);
  }
  return parts;
}

function streamOf(chunks: AsyncGenerator<Uint8Array>, failed: (raised: unknown) => void): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done } = await chunks.next();
        if (done === true) {
          controller.close();
        } else {
          controller.enqueue(value);
        }
      } catch (raised) {
        failed(raised);
        throw raised;
      }
    },
    async cancel() {
      await chunks.return(undefined);
    },
  });
}

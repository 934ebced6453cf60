/** Raw bytes down, as the messages of the stream that the method has in its proto. */

import { create, type DescField, type DescMessage, type DescMethod, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { Code, ConnectError } from "@connectrpc/connect";
import { HttpBodySchema } from "./gen/google/api/httpbody_pb.js";
import type { ByteRange } from "./gen/milepost/v1/annotations_pb.js";
import type { MethodRules } from "./rules.js";
import { chunksOf } from "./streams.js";

/**
 * The `Range` header for the offset and length of a request.
 *
 * @returns Undefined when all is wanted.
 * @throws {ConnectError} `InvalidArgument`: one of them is negative.
 */
export function rangeOf(method: DescMethod, option: ByteRange, message: Message): string | undefined {
  const request = reflect(method.input, message);
  const [offset, length] = [option.offsetField, option.lengthField].map((name) => {
    return request.get(fieldOf(method.input, name)) as bigint;
  }) as [bigint, bigint];
  if (offset < 0n || length < 0n) {
    throw new ConnectError("A range has neither a negative offset nor a negative length.", Code.InvalidArgument);
  }
  const last = length > 0n ? offset + length - 1n : "";
  return offset > 0n || length > 0n ? `bytes=${offset}-${last}` : undefined;
}

/**
 * The bytes of an answer as messages. What headers say of the whole is in the first, which comes also without bytes.
 *
 * @param method The method.
 * @param known Its rules.
 * @param response The answer.
 * @param signal Of the call.
 */
export async function* downloadOf(
  method: DescMethod,
  known: MethodRules,
  response: Response,
  signal: AbortSignal,
): AsyncGenerator<Message> {
  let message = firstOf(method.output, known, response);
  const body = fieldOf(method.output, known.responseBody);
  let contentType = response.headers.get("content-type") ?? "";
  let first = true;
  for await (const data of chunksOf(response, signal)) {
    message.set(body, reflect(HttpBodySchema, create(HttpBodySchema, { contentType, data })));
    yield message.message;
    message = reflect(method.output);
    contentType = "";
    first = false;
  }
  if (first) {
    message.set(body, reflect(HttpBodySchema, create(HttpBodySchema, { contentType })));
    yield message.message;
  }
}

function firstOf(output: DescMessage, { byteRange }: MethodRules, { headers }: Response) {
  const message = reflect(output);
  if (byteRange !== undefined) {
    const size = headers.get("content-range")?.split("/")[1] ?? headers.get("content-length") ?? "0";
    const tag = headers.get("etag")?.replace(/^(W\/)?"(.*)"$/, "$2") ?? "";
    const name = /filename\*=UTF-8''([^;]*)/.exec(headers.get("content-disposition") ?? "")?.[1] ?? "";
    message.set(fieldOf(output, byteRange.sizeField), BigInt(size));
    message.set(fieldOf(output, byteRange.etagField), tag);
    message.set(fieldOf(output, byteRange.filenameField), decodeURIComponent(name));
  }
  return message;
}

function fieldOf(desc: DescMessage, name: string): DescField {
  const field = desc.fields.find((candidate) => candidate.name === name);
  if (field === undefined) {
    throw new TypeError(`${desc.typeName} has no field ${name}, which an option of its method names`);
  }
  return field;
}

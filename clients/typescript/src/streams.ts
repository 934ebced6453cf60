/** Streams of messages down: a line of JSON for each. */

import { type DescMessage, fromJson, type MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { errorOfConnection, errorOfStatus } from "./errors.js";
import { READING } from "./json.js";

/** The media type of streams of messages. */
export const LINES = "application/x-ndjson";

/**
 * The messages of an answer, as they come.
 *
 * @param output Their type.
 * @param response The answer.
 * @param signal Of the call.
 * @throws {ConnectError} What the server ended the stream with, or `Unavailable`: the connection broke.
 */
export async function* messagesOf<O extends DescMessage>(
  output: O,
  response: Response,
  signal: AbortSignal,
): AsyncGenerator<MessageShape<O>> {
  for await (const line of linesOf(response, signal)) {
    const { result, error } = JSON.parse(line);
    if (error !== undefined) {
      throw errorOfStatus(error, response.headers);
    }
    yield fromJson(output, result, READING);
  }
}

async function* linesOf(response: Response, signal: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunksOf(response, signal)) {
    let begin = 0;
    const searched = rest.length;
    rest += decoder.decode(chunk, { stream: true });
    for (let end = rest.indexOf("\n", searched); end >= 0; end = rest.indexOf("\n", begin)) {
      yield rest.slice(begin, end);
      begin = end + 1;
    }
    rest = rest.slice(begin);
  }
  if (rest !== "") {
    throw new ConnectError("The connection broke within a message.", Code.Unavailable);
  }
}

/** The bytes of an answer, as they come. */
export async function* chunksOf(response: Response, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  try {
    for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
      yield part.value;
    }
  } catch (raised) {
    throw errorOfConnection(raised, signal);
  }
}

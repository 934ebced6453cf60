/** The JSON of proto3, where JavaScript's own differs from it or protobuf-es asks for more. */

import { createRegistry, type JsonValue } from "@bufbuild/protobuf";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";

/** The messages that may be in a `google.protobuf.Any` of an answer: the details of errors. */
export const DETAILS = createRegistry(ErrorInfoSchema, BadRequestSchema, RetryInfoSchema);

/** How answers are read: those of a newer server may have fields that this client does not know. */
export const READING = { registry: DETAILS, ignoreUnknownFields: true } as const;

/** How requests are written. Fields have their proto spelling, as in the templates of paths. */
export const WRITING = { registry: DETAILS, useProtoFieldName: true } as const;

/** JSON as text, with the sign of negative zero, which `JSON.stringify` drops. */
export function textOf(value: JsonValue): string {
  if (Array.isArray(value)) {
    return `[${value.map(textOf).join(",")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([name, inner]) => `${JSON.stringify(name)}:${textOf(inner)}`);
    return `{${entries.join(",")}}`;
  }
  return Object.is(value, -0) ? "-0.0" : JSON.stringify(value);
}

/** A value that is no object and no list, as text of a path or a query: strings without quotes. */
export function plainText(value: string | number | boolean | null): string {
  return typeof value === "string" ? value : textOf(value);
}

/** Request messages with something in every field, and the reading of HTTP requests by their rule. */

import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { HttpRequest } from "#src/requests.js";
import type { Rule } from "#src/rules.js";

const TEXT = "ä/b:c d?e&f=g+h%2F#i 😀";
const OWN_FORMS: Record<string, JsonValue> = {
  "google.protobuf.FieldMask": "runId,metrics",
  "google.protobuf.Timestamp": "2026-01-31T13:30:00.125Z",
  "google.protobuf.Duration": "1.500s",
  "google.protobuf.Struct": { [TEXT]: [1.5, null, { a: true }] },
  "google.protobuf.Value": TEXT,
  "google.protobuf.ListValue": [TEXT, 1],
};

/**
 * A message with a value in every field, of each `oneof` in the first.
 *
 * @param lists Whether lists and maps of messages are filled too, which no query can hold.
 */
export function sampleOf(desc: DescMessage, lists: boolean, depth = 0): Message {
  const ownForm = OWN_FORMS[desc.typeName];
  if (ownForm !== undefined) {
    return fromJson(desc, ownForm);
  }
  const message = reflect(desc);
  for (const field of desc.fields) {
    if (field.oneof === undefined || field.oneof.fields[0] === field) {
      fill(message, field, lists, depth);
    }
  }
  return message.message;
}

function fill(message: ReflectMessage, field: DescField, lists: boolean, depth: number): void {
  const inner = (desc: DescMessage) => reflect(desc, sampleOf(desc, lists, depth + 1));
  switch (field.fieldKind) {
    case "scalar":
      message.set(field, scalar(field.scalar));
      break;
    case "enum":
      message.set(field, field.enum.values.at(-1)?.number);
      break;
    case "message":
      if (depth < 3) {
        message.set(field, inner(field.message));
      }
      break;
    case "map":
      if (lists && depth < 3) {
        const value = field.mapKind === "message" ? inner(field.message) : scalar(field.scalar ?? ScalarType.INT32);
        message.get(field).set(scalar(field.mapKey) as string, value);
      }
      break;
    case "list":
      if (field.listKind === "scalar") {
        message.get(field).add(scalar(field.scalar));
        message.get(field).add(scalar(field.scalar));
      } else if (lists && depth < 3 && field.listKind === "message") {
        message.get(field).add(inner(field.message));
      }
  }
}

function scalar(type: ScalarType): unknown {
  switch (type) {
    case ScalarType.STRING:
      return TEXT;
    case ScalarType.BOOL:
      return true;
    case ScalarType.BYTES:
      return new Uint8Array([0, 255]);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return -0.5;
    case ScalarType.INT64:
    case ScalarType.SFIXED64:
    case ScalarType.UINT64:
      return 9007199254740993n;
    default:
      return 7;
  }
}

/** Reads a request as the rule says, which a server does. */
export function readBy(rule: Rule, input: DescMessage, { verb, target, body }: HttpRequest): Message {
  if (verb !== rule.verb) {
    throw new Error(`${verb} is not ${rule.verb}`);
  }
  const [path = "", query] = target.split("?");
  const fields = (rule.body === "*" ? JSON.parse(body ?? "") : {}) as JsonObject;
  if (rule.body !== "" && rule.body !== "*") {
    fields[rule.body] = JSON.parse(body ?? "");
  }
  for (const [name, text] of new URLSearchParams(query)) {
    put(fields, input, name.split("."), text);
  }
  const variables: string[] = [];
  const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const pattern = rule.template.split(/(\{[^}]*\})/).map((part) => {
    if (!part.startsWith("{")) {
      return literal(part);
    }
    variables.push(part.slice(1, -1).replace("=**", ""));
    return part.endsWith("=**}") ? "(.+)" : "([^/]+)";
  });
  const found = new RegExp(`^${pattern.join("")}$`).exec(path);
  if (found === null) {
    throw new Error(`${path} is no path of ${rule.template}`);
  }
  for (const [index, name] of variables.entries()) {
    put(fields, input, name.split("."), decodeURIComponent(found[index + 1] ?? ""));
  }
  return fromJson(input, fields);
}

function put(fields: JsonObject, desc: DescMessage, [name = "", ...rest]: string[], text: string): void {
  const field = desc.fields.find((candidate) => candidate.name === name);
  if (field === undefined) {
    throw new Error(`${desc.typeName} has no ${name}`);
  }
  if (rest.length > 0 && field.fieldKind === "message") {
    fields[name] ??= {};
    put(fields[name] as JsonObject, field.message, rest, text);
  } else if (field.fieldKind === "list") {
    fields[name] = [...((fields[name] as string[] | undefined) ?? []), text];
  } else {
    if (fields[name] !== undefined) {
      throw new Error(`${name} is there twice`);
    }
    fields[name] = field.scalar === ScalarType.BOOL ? text === "true" : text;
  }
}

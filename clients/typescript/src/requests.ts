/** Requests: path, query and body of a call, as its HTTP rule says. */

import {
  type DescMessage,
  type DescMethod,
  type JsonObject,
  type JsonValue,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { Code, ConnectError } from "@connectrpc/connect";
import { plainText, textOf, WRITING } from "./json.js";
import type { MethodRules, Rule, Variable } from "./rules.js";

/** What is sent for a call, besides headers. */
export interface HttpRequest {
  /** HTTP method. */
  readonly verb: string;
  /** Path and query, to be put behind the base URL. */
  readonly target: string;
  /** JSON text. Undefined for no body. */
  readonly body: string | undefined;
}

/** Proxies refuse longer addresses. */
const LONGEST_TARGET = 4000;
/** Messages whose JSON is an object and that are no objects of fields. */
const FREE_FORM = new Set(["google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.Any"]);

/** A request that a rule cannot express, though another rule of the method may. */
class InexpressibleError extends Error {}

/**
 * Makes the HTTP request of a call. The main rule of the method is taken, or, when a query cannot hold what is sent (a
 * list of messages) or would be too long, the first other one whose body is the whole request.
 *
 * @param method The method.
 * @param known Its rules.
 * @param message The request message.
 * @param reserved Fields, in proto spelling, that are not sent by path, query or body, but otherwise.
 * @throws {ConnectError} `InvalidArgument`: a field of the path is empty or cannot be in a path, text is not Unicode, or a
 *   value has no JSON form.
 */
export function requestOf(
  method: DescMethod,
  known: MethodRules,
  message: Message,
  reserved: readonly string[] = [],
): HttpRequest {
  const fields = jsonOf(method.input, message);
  for (const name of reserved) {
    delete fields[name];
  }
  const [main, ...others] = known.rules;
  const other = others.find((rule) => rule.body === "*");
  const make = (rule: Rule) => build(rule, method.input, reflect(method.input, message), structuredClone(fields));
  try {
    const request = make(main);
    return other !== undefined && request.target.length > LONGEST_TARGET ? make(other) : request;
  } catch (error) {
    if (error instanceof InexpressibleError && other !== undefined) {
      return make(other);
    }
    throw asConnectError(error, method);
  }
}

function jsonOf(input: DescMessage, message: Message): JsonObject {
  try {
    return toJson(input, message, WRITING) as JsonObject;
  } catch (raised) {
    throw new ConnectError((raised as Error).message, Code.InvalidArgument, undefined, undefined, raised);
  }
}

function asConnectError(error: unknown, method: DescMethod): unknown {
  if (error instanceof InexpressibleError) {
    return new ConnectError(`${method.name} cannot send it over HTTP: ${error.message}.`, Code.InvalidArgument);
  }
  if (error instanceof URIError) {
    return new ConnectError("Text has half of a surrogate pair: send Unicode.", Code.InvalidArgument);
  }
  return error;
}

function build(rule: Rule, input: DescMessage, message: ReflectMessage, fields: JsonObject): HttpRequest {
  const path = rule.parts.map((part) => (typeof part === "string" ? part : segments(part, message))).join("");
  for (const part of rule.parts) {
    if (typeof part !== "string") {
      remove(fields, part.name.split("."));
    }
  }
  if (rule.body === "*") {
    return { verb: rule.verb, target: path, body: textOf(fields) };
  }
  const body = rule.body === "" ? undefined : textOf(fields[rule.body] ?? {});
  delete fields[rule.body];
  const query = [...parameters(input, fields, "")].map(([name, text]) => `${name}=${encodeURIComponent(text)}`);
  return { verb: rule.verb, target: query.length > 0 ? `${path}?${query.join("&")}` : path, body };
}

function segments({ name, fields, severalSegments }: Variable, message: ReflectMessage): string {
  let value: unknown = message;
  for (const field of fields) {
    value = (value as ReflectMessage).get(field);
  }
  const text = String(value);
  const parts = severalSegments ? text.split("/") : [text];
  if (text === "") {
    throw new ConnectError(`${name} is empty: the path of the call needs it.`, Code.InvalidArgument);
  }
  // URLs know these two as steps between folders, also when they are escaped: the call would go elsewhere.
  if (parts.some((part) => part === "." || part === "..")) {
    throw new ConnectError(`${name} is ${JSON.stringify(text)}, which no URL can hold.`, Code.InvalidArgument);
  }
  return parts.map(encodeURIComponent).join("/");
}

function remove(fields: JsonObject, [name = "", ...rest]: string[]): void {
  const inner = fields[name];
  if (rest.length === 0) {
    delete fields[name];
  } else if (isObject(inner)) {
    remove(inner, rest);
  }
}

/** The parameters of a query: a field of a message within has its path, a list is a parameter for each of its items. */
function* parameters(desc: DescMessage, fields: JsonObject, prefix: string): Generator<[string, string]> {
  for (const field of desc.fields) {
    const value = fields[field.name];
    const name = prefix + field.name;
    if (value === undefined) {
      continue;
    }
    if (isObject(value)) {
      if (field.fieldKind !== "message" || FREE_FORM.has(field.message.typeName)) {
        throw new InexpressibleError(`${name} does not fit into a query`);
      }
      yield* parameters(field.message, value, `${name}.`);
    } else {
      for (const item of Array.isArray(value) ? value : [value]) {
        if (typeof item === "object" && item !== null) {
          throw new InexpressibleError(`${name} does not fit into a query`);
        }
        yield [name, plainText(item)];
      }
    }
  }
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

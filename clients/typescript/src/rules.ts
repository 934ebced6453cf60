/** How the HTTP rules of methods are read from their descriptors. */

import { type DescField, type DescMessage, type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { http } from "./gen/google/api/annotations_pb.js";
import type { HttpRule } from "./gen/google/api/http_pb.js";
import { type ByteRange, byte_range, Permission, permission } from "./gen/milepost/v1/annotations_pb.js";

/** A variable of a path template. */
export interface Variable {
  /** The request field that it takes, in proto spelling with dots, such as `run.run_id`. */
  readonly name: string;
  /** The fields on the way from the request to its value. */
  readonly fields: readonly DescField[];
  /** Whether it stands for several segments (`{path=**}`), so that slashes stay slashes. */
  readonly severalSegments: boolean;
}

/** One HTTP rule of a method. */
export interface Rule {
  /** HTTP method, in upper case. */
  readonly verb: string;
  /** The path template as the proto has it. */
  readonly template: string;
  /** Literal text and variables of the template, in order. */
  readonly parts: readonly (string | Variable)[];
  /** `*`, the name of the request field that is the body, or empty for no body. */
  readonly body: string;
}

/** What the descriptor of a method says of its calls over HTTP. */
export interface MethodRules {
  /** The rules, the main one first. */
  readonly rules: readonly [Rule, ...Rule[]];
  /** The field of the response that is the HTTP body. Empty: all of it. */
  readonly responseBody: string;
  /** How its bytes map to HTTP ranges, if they do. */
  readonly byteRange: ByteRange | undefined;
  /** Whether the request has a `request_id`, which makes a repeat safe. */
  readonly takesRequestId: boolean;
  /** Whether a lost answer may be answered by calling again: reads, and what takes a `request_id`. */
  readonly repeatable: boolean;
}

const VARIABLE = /\{([a-z0-9_.]+)(?:=([^{}]+))?\}/g;
const known = new WeakMap<DescMethod, MethodRules>();

/**
 * The HTTP rules of a method.
 *
 * @returns Undefined when it has none, as methods that stream both ways.
 */
export function rulesOf(method: DescMethod): MethodRules | undefined {
  let found = known.get(method);
  if (found === undefined && hasOption(method, http)) {
    found = read(method, getOption(method, http));
    known.set(method, found);
  }
  return found;
}

function read(method: DescMethod, main: HttpRule): MethodRules {
  const allowed = getOption(method, permission);
  const takesRequestId = method.input.fields.some((field) => field.name === "request_id");
  return {
    rules: [compile(method.input, main), ...main.additionalBindings.map((rule) => compile(method.input, rule))],
    responseBody: main.responseBody,
    byteRange: hasOption(method, byte_range) ? getOption(method, byte_range) : undefined,
    takesRequestId,
    repeatable: takesRequestId || allowed === Permission.READ || allowed === Permission.PUBLIC,
  };
}

function compile(input: DescMessage, { pattern, body }: HttpRule): Rule {
  if (pattern.case === undefined || pattern.case === "custom") {
    throw new TypeError(`a rule of ${input.typeName} has no HTTP method of the usual ones`);
  }
  const template = pattern.value;
  const parts: (string | Variable)[] = [];
  let end = 0;
  for (const match of template.matchAll(VARIABLE)) {
    const [text, name = "", segments = "*"] = match;
    parts.push(template.slice(end, match.index), {
      name,
      fields: fieldsOf(input, name),
      severalSegments: segments === "**",
    });
    end = match.index + text.length;
  }
  parts.push(template.slice(end));
  return { verb: pattern.case.toUpperCase(), template, parts, body };
}

function fieldsOf(input: DescMessage, name: string): DescField[] {
  const fields: DescField[] = [];
  let message: DescMessage | undefined = input;
  for (const part of name.split(".")) {
    const field: DescField | undefined = message?.fields.find((candidate) => candidate.name === part);
    if (field === undefined) {
      throw new TypeError(`a path of ${input.typeName} names ${name}, which it does not have`);
    }
    fields.push(field);
    message = field.fieldKind === "message" ? field.message : undefined;
  }
  return fields;
}

/**
 * The client of Milepost for browsers and Node: the messages and services of `milepost.v1`, and the transport that calls
 * them over the REST interface.
 *
 * @packageDocumentation
 */

export * from "./contract.js";
export { type ErrorDetails, errorDetails, type FieldViolation } from "./errors.js";
export { createMilepostTransport, type MilepostTransportOptions } from "./transport.js";

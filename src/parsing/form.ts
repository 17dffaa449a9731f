// application/x-www-form-urlencoded bodies, strictly (RFC 6749 §3.2 and Appendix B; TX-13, A-130): UTF-8, `+` for space, whole
// %XX only, plain names, no NUL. Parameters are counted before anything is built. `;` separates nothing. Empty parts (`a=1&&b=2`)
// count towards the limit and mean nothing. Sizes of values are the request reader's business; callers cap the body.

import { FORM_NAME_BYTES_MAX, FORM_PARAMETERS_MAX } from '../core/limits.ts';
import { type BodyProblem, ok, type Result, refuse, type SyntaxRefusal } from '../core/refusal.ts';
import { MAY_REPEAT, type Parameters } from '../core/request.ts';
import { decodeUtf8 } from './json.ts';

const AMPERSAND = 0x26;
/** Dots and dashes are in the names of other protocols' parameters; brackets, which some parsers turn into arrays, are not. */
const NAME = /^[A-Za-z0-9_.-]+$/;
const BROKEN_ESCAPE = /%(?![0-9A-Fa-f]{2})/;

/** Which parameters mean something without a value too. */
export type KeepsEmpty = (name: string) => boolean;

/** The parameters of a form body. Never throws. */
export function parseForm(body: Uint8Array, keepsEmpty: KeepsEmpty = () => false): Result<Parameters, SyntaxRefusal> {
  if (partsExceed(body, FORM_PARAMETERS_MAX)) return malformed('too_many_parameters');
  const text = decodeUtf8(body);
  if (text === undefined) return malformed('not_utf8');

  const seen = new Set<string>();
  const parameters = new Map<string, string[]>();
  for (const part of text.split('&')) {
    if (part === '') continue;
    const pair = readPair(part);
    if (!pair.ok) return pair;
    const { name, value } = pair.value;
    // A parameter without a value counts as omitted, but it was sent: `scope=&scope=x` is a repetition, or two readers of one
    // request could see two requests. Where repeating is allowed, the empty one is left out and the others stay.
    if (seen.has(name) && !MAY_REPEAT.has(name)) return refuse({ reason: 'parameter_repeated', parameter: name });
    seen.add(name);
    if (value === '' && !keepsEmpty(name)) continue;
    const values = parameters.get(name);
    if (values) values.push(value);
    else parameters.set(name, [value]);
  }
  return ok(parameters);
}

/** Whether a parameter may be called so, in whatever body. */
export const isParameterName = (name: string): boolean => name.length <= FORM_NAME_BYTES_MAX && NAME.test(name);

const malformed = (problem: BodyProblem) => refuse<SyntaxRefusal>({ reason: 'body_malformed', problem });

/** Whether the body has more parts than that; looks no further than it must. */
function partsExceed(body: Uint8Array, partsMax: number): boolean {
  let parts = 1;
  for (let at = body.indexOf(AMPERSAND); at >= 0 && parts <= partsMax; at = body.indexOf(AMPERSAND, at + 1)) parts += 1;
  return parts > partsMax;
}

function readPair(part: string): Result<{ readonly name: string; readonly value: string }, SyntaxRefusal> {
  const equals = part.indexOf('=');
  const rawName = equals < 0 ? part : part.slice(0, equals);
  // Each character may be spelled with three bytes.
  if (rawName.length > FORM_NAME_BYTES_MAX * 3) return malformed('bad_parameter_name');
  const name = decodePart(rawName);
  if (!name.ok) return name;
  if (!isParameterName(name.value)) return malformed('bad_parameter_name');
  const value = decodePart(equals < 0 ? '' : part.slice(equals + 1));
  if (!value.ok) return value;
  if (value.value.includes('\0')) return refuse({ reason: 'parameter_malformed', parameter: name.value });
  return ok({ name: name.value, value: value.value });
}

function decodePart(raw: string): Result<string, SyntaxRefusal> {
  const spaced = raw.includes('+') ? raw.replaceAll('+', ' ') : raw;
  if (!spaced.includes('%')) return ok(spaced);
  if (BROKEN_ESCAPE.test(spaced)) return malformed('bad_percent_encoding');
  try {
    return ok(decodeURIComponent(spaced));
  } catch {
    // The escapes are whole, so their bytes are not UTF-8.
    return malformed('not_utf8');
  }
}

// The parameters of a form as members of one JSON object, for clients that send them so (google-github-actions/auth): texts only, strictly read
// (json.ts), and bounded as those of a form are (form.ts). Names may be spelled `subjectToken` or `subject_token`, as proto3's JSON mapping
// has it; both spellings of one name are a repetition. An empty text counts as omitted, but it was sent. Callers cap the body.

import { isJsonObject } from '../core/json.ts';
import { FORM_PARAMETERS_MAX } from '../core/limits.ts';
import { type BodyProblem, ok, type Result, refuse, type SyntaxRefusal } from '../core/refusal.ts';
import type { Parameters } from '../core/request.ts';
import { isParameterName } from './form.ts';
import { decodeUtf8, readJson } from './json.ts';

/** The parameters of a JSON body, by their names in snake case. Never throws. */
export function parseJsonParameters(body: Uint8Array): Result<Parameters, SyntaxRefusal> {
  const text = decodeUtf8(body);
  if (text === undefined) return malformed('not_utf8');
  const read = readJson(text);
  if (!read.ok || !isJsonObject(read.value)) return malformed('not_json');
  const members = Object.entries(read.value);
  if (members.length > FORM_PARAMETERS_MAX) return malformed('too_many_parameters');

  const seen = new Set<string>();
  const parameters = new Map<string, readonly string[]>();
  for (const [spelled, value] of members) {
    if (!isParameterName(spelled)) return malformed('bad_parameter_name');
    const parameter = snakeCase(spelled);
    if (seen.has(parameter)) return refuse({ reason: 'parameter_repeated', parameter });
    seen.add(parameter);
    if (typeof value !== 'string' || value.includes('\0')) return refuse({ reason: 'parameter_malformed', parameter });
    if (value !== '') parameters.set(parameter, [value]);
  }
  return ok(parameters);
}

const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const malformed = (problem: BodyProblem) => refuse<SyntaxRefusal>({ reason: 'body_malformed', problem });

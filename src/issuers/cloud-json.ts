// One question to a cloud that speaks JSON, Google's or Microsoft's: a form or JSON out, an object back, or the code by which it says no. An
// answer counts only whole, and read strictly (A-164, F-51). One attempt: how often, and how long in all, is ask-cloud.ts's business.

import type { CloudAttempt } from '../core/cloud-ports.ts';
import { isJsonObject, type Json, type JsonObject, valueAt } from '../core/json.ts';
import { CLOUD_ANSWER_BYTES_MAX } from '../core/limits-cloud.ts';
import type { Outbound, OutboundRefused } from '../core/outside.ts';
import { decodeUtf8, readJson } from '../parsing/json.ts';

/** How a cloud is reached. */
export interface CloudPlace {
  readonly outbound: Outbound;
  /** PEM. */
  readonly ca: string | undefined;
  readonly privateNetwork: boolean;
}

export interface CloudQuestion {
  readonly url: string;
  readonly body: { readonly form: Readonly<Record<string, string>> } | { readonly json: JsonObject };
  readonly bearer?: string;
}

/** What a refusal's code says about asking again. */
export interface Codes {
  readonly busy: readonly string[];
  /** It may pass in a moment. */
  readonly again: readonly string[];
}

type Failed = Extract<CloudAttempt<never>, { ok: false }>;

/** Asks once. Never throws. */
export async function askOnce(
  { outbound, ca, privateNetwork }: CloudPlace,
  { url, body, bearer }: CloudQuestion,
  codes: Codes,
  deadlineMs: number,
): Promise<CloudAttempt<JsonObject>> {
  const answer = await outbound.request({
    url,
    bytesMax: CLOUD_ANSWER_BYTES_MAX,
    accept: 'application/json',
    body:
      'form' in body
        ? { mediaType: 'application/x-www-form-urlencoded', text: new URLSearchParams(body.form).toString() }
        : { mediaType: 'application/json', text: JSON.stringify(body.json) },
    refusals: true,
    privateNetwork,
    deadlineMs,
    ...(ca === undefined ? {} : { ca }),
    ...(bearer === undefined ? {} : { bearer }),
  });
  if (!answer.ok) return { ok: false, problem: answer.problem, again: 'failed' };
  const text = decodeUtf8(answer.body);
  const read = text === undefined ? undefined : readJson(text);
  const value = read?.ok && isJsonObject(read.value) ? read.value : undefined;
  if (answer.refused) return refusedBy(answer.refused, value, codes);
  if (!value) return UNREADABLE;
  // A 200 that says no is no answer, and one that says both is none either.
  return value.error === undefined ? { ok: true, value } : UNREADABLE;
}

/** For an answer that is not what it must be. */
export const UNREADABLE: Failed = Object.freeze({ ok: false, problem: 'unreadable', again: 'failed' });

function refusedBy(
  { status, retryAfterSeconds }: OutboundRefused,
  value: JsonObject | undefined,
  codes: Codes,
): Failed {
  const code = value && codeOf(value);
  const problem = code ?? `status ${status}`;
  if (status === 429 || status === 503 || (code !== undefined && codes.busy.includes(code)))
    return { ok: false, problem, again: 'busy', retryAfterSeconds };
  const mayPass = status >= 500 || (code !== undefined && codes.again.includes(code));
  return { ok: false, problem, again: mayPass ? 'failed' : 'never', retryAfterSeconds };
}

/** Entra: `AADSTS<number>`; Google's APIs: `error.status`; OAuth: `error`. A text of any other form is nobody's code. */
function codeOf(value: JsonObject): string | undefined {
  const [number] = Array.isArray(value.error_codes) ? value.error_codes : [];
  if (typeof number === 'number') return `AADSTS${number}`;
  const said: Json | undefined = valueAt(value, ['error', 'status']) ?? value.error;
  return typeof said === 'string' && /^[A-Za-z_]{1,64}$/.test(said) ? said : undefined;
}

/** A text of at least one character, of an answer. */
export const textIn = (value: JsonObject, name: string): string | undefined => {
  const found = value[name];
  return typeof found === 'string' && found !== '' ? found : undefined;
};

/** Whole positive seconds, of an answer. */
export const secondsIn = (value: JsonObject, name: string): number | undefined => {
  const found = value[name];
  return typeof found === 'number' && Number.isSafeInteger(found) && found > 0 ? found : undefined;
};

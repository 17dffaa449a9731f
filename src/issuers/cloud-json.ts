// Asks a cloud for JSON over the one way outward, once, and judges the answer: it counts only whole, as one JSON object that says of no
// error (A-164, F-51). Of a refusal the code alone goes on: a message may quote what was sent.

import type { CloudAttempt } from '../core/cloud-ports.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { CLOUD_ANSWER_BYTES_MAX } from '../core/limits-cloud.ts';
import type { Outbound, OutboundRefused } from '../core/outside.ts';
import { decodeUtf8, readJson } from '../parsing/json.ts';

export interface CloudPlace {
  readonly outbound: Outbound;
  /** PEM certificates to trust instead of the system's. */
  readonly ca: string | undefined;
  readonly privateNetwork: boolean;
}

/** How one cloud says no. */
export interface Refusing {
  /** Undefined where the answer says of no error; empty where what it says cannot be read. */
  codeOf(answer: JsonObject): string | undefined;
  /** Codes by which it says that it has too much to do. */
  readonly busy: readonly string[];
  /** Codes after which the same may come out otherwise. */
  readonly again: readonly string[];
}

export interface CloudQuestion {
  readonly url: string;
  readonly body: { readonly mediaType: string; readonly text: string };
  /** A token that the cloud gave a moment ago. */
  readonly bearer?: string;
  readonly deadlineMs: number;
}

/** The members of a good answer. Never throws. */
export async function askForJson(
  { outbound, ca, privateNetwork }: CloudPlace,
  question: CloudQuestion,
  refusing: Refusing,
): Promise<CloudAttempt<JsonObject>> {
  const answer = await outbound.request({
    ...question,
    bytesMax: CLOUD_ANSWER_BYTES_MAX,
    accept: 'application/json',
    refusals: true,
    privateNetwork,
    ...(ca === undefined ? {} : { ca }),
  });
  if (!answer.ok) return { ok: false, problem: answer.problem, again: 'failed' };
  const said = objectOf(answer.body);
  const code = said && refusing.codeOf(said);
  if (answer.refused || code !== undefined) return refusedWith(code ?? '', answer.refused, refusing);
  return said ? { ok: true, value: said } : UNREADABLE;
}

const UNREADABLE = { ok: false, problem: 'unreadable', again: 'failed' } as const;
/** What is no code is no text to write down either. */
const CODE = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** `refused` is absent where a status of 200 says of an error: then nobody knows what became of it. */
function refusedWith(
  said: string,
  refused: OutboundRefused | undefined,
  { busy, again }: Refusing,
): CloudAttempt<never> & { readonly ok: false } {
  const code = CODE.test(said) ? said : '';
  const { status = 200, retryAfterSeconds } = refused ?? {};
  if (status === 429 || status === 503 || busy.includes(code))
    return { ok: false, problem: code || `status_${status}`, again: 'busy', retryAfterSeconds };
  if (code === '') return UNREADABLE;
  const failed = status < 400 || status >= 500 || again.includes(code);
  return { ok: false, problem: code, again: failed ? 'failed' : 'never' };
}

function objectOf(body: Uint8Array): JsonObject | undefined {
  const text = decodeUtf8(body);
  const read = text === undefined ? undefined : readJson(text);
  return read?.ok && isJsonObject(read.value) ? read.value : undefined;
}

/** A part that a good answer has is missing, or is something else. */
export const INCOMPLETE = { ok: false, problem: 'incomplete', again: 'failed' } as const;

/** A bearer as headers can hold it (RFC 6750 §2.1). */
export const isBearer = (value: unknown): value is string =>
  typeof value === 'string' && /^[A-Za-z0-9._~+/-]+=*$/.test(value);

/** The members of an OAuth answer (RFC 6749 §5.1), with the seconds that the token lives from when it was asked for. */
export function readBearer({
  access_token: accessToken,
  token_type: type,
  expires_in: seconds,
}: JsonObject): { readonly accessToken: string; readonly seconds: number } | undefined {
  const isOne = isBearer(accessToken) && typeof type === 'string' && type.toLowerCase() === 'bearer';
  return isOne && typeof seconds === 'number' && Number.isSafeInteger(seconds) && seconds > 0
    ? { accessToken, seconds }
    : undefined;
}

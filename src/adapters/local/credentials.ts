// What the broker answers, read as what an SDK is given: AWS credentials from the text of a credential_process (issued_token_type is ours), a
// bearer token of Google or Azure, a token of ours. Anything else is no credential, and says so without repeating it.

import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { AWS_CREDENTIALS_TOKEN_TYPE } from '../../core/request.ts';
import { readJson } from '../../parsing/json.ts';
import type { Fetched } from './held.ts';

/** The broker, asked for one target with the workload's own credential as it is now. Never rejects. */
export interface LocalBroker {
  ask(order: { readonly target: string; readonly requestedTokenType?: string }): Promise<Asked>;
}

export type Asked =
  | { readonly answer: 'token'; readonly token: string; readonly whole: JsonObject }
  | { readonly answer: 'refused'; readonly sentence: string }
  | { readonly answer: 'unknown'; readonly problem: string };

/** Secret, all three; AWS's names. */
export interface AwsCredentials {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly Token: string;
  /** RFC 3339. */
  readonly Expiration: string;
  readonly AccountId?: string;
}

export interface BearerToken {
  /** Secret. */
  readonly token: string;
  /** What it is good for, where the broker says so. */
  readonly scopes: readonly string[];
}

type Read<T> = (answer: Extract<Asked, { answer: 'token' }>, askedAtSeconds: number) => Fetched<T>;

/** One question to the broker, read. `askedAtSeconds` counts: an answer that took long has been good for less. */
export async function fetchAs<T>(
  broker: LocalBroker,
  order: Parameters<LocalBroker['ask']>[0],
  askedAtSeconds: number,
  read: Read<T>,
): Promise<Fetched<T>> {
  const asked = await broker.ask(order);
  if (asked.answer === 'refused') return { had: 'refusal', sentence: asked.sentence };
  return asked.answer === 'unknown' ? nothing(asked.problem) : read(asked, askedAtSeconds);
}

const nothing = (problem: string): Extract<Fetched<never>, { had: 'nothing' }> => ({ had: 'nothing', problem });

export const readAws: Read<AwsCredentials> = ({ token, whole }) => {
  if (whole.issued_token_type !== AWS_CREDENTIALS_TOKEN_TYPE)
    return nothing('the broker gave no AWS credentials: is the target a role of AWS?');
  const parsed = readJson(token);
  const had = parsed.ok && isJsonObject(parsed.value) ? parsed.value : undefined;
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration, AccountId } = had ?? {};
  const endsAtSeconds = typeof Expiration === 'string' ? Date.parse(Expiration) / 1_000 : Number.NaN;
  if (
    typeof AccessKeyId !== 'string' ||
    typeof SecretAccessKey !== 'string' ||
    typeof SessionToken !== 'string' ||
    typeof Expiration !== 'string' ||
    Number.isNaN(endsAtSeconds)
  )
    return nothing('the broker gave AWS credentials that cannot be read');
  const account = typeof AccountId === 'string' ? { AccountId } : {};
  return {
    had: 'credential',
    value: { AccessKeyId, SecretAccessKey, Token: SessionToken, Expiration, ...account },
    endsAtSeconds,
  };
};

export const readBearer: Read<BearerToken> = ({ token, whole }, askedAtSeconds) => {
  const { token_type: type, expires_in: seconds, scope } = whole;
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer')
    return nothing('the broker gave no bearer token: is the target of the cloud that asks?');
  if (typeof seconds !== 'number') return nothing('the broker does not say how long its token is good for');
  const scopes = typeof scope === 'string' ? scope.split(' ').filter((one) => one !== '') : [];
  return { had: 'credential', value: { token, scopes }, endsAtSeconds: askedAtSeconds + seconds };
};

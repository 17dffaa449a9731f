// Requests to the STS endpoint of a broker, as the AWS CLI and boto3 write them byte for byte: to be sent as they are, or changed by a test
// that means no good. Signatures are made by test/support/sigv4.ts, with no code of the broker's and none of AWS's.

import { type Answer, formOf, type TestBroker } from './broker.ts';
import { dateOf, signatureOf } from './sigv4.ts';

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

const FORM = 'application/x-www-form-urlencoded; charset=utf-8';

type Form = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The form of AssumeRoleWithWebIdentity; undefined removes a parameter. */
export function assumption(token: string, more: Form = {}): string {
  const form = {
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: 'payments-aws',
    RoleSessionName: 'botocore-session-1795298135',
    WebIdentityToken: token,
    ...more,
  };
  return formOf(without(form));
}

/** Sends any form to the STS endpoint. */
export const sendForm = (broker: TestBroker, body: string, path = '/aws/sts'): Promise<Answer> =>
  broker.call({ method: 'POST', path, headers: { 'content-type': FORM } }, body);

/** The text of an element; empty where there is none. */
export const element = (xml: string, name: string): string =>
  new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? '';

/** `403 AccessDenied no_rule`: status, code, and the reason in the one record that it left. */
export function verdict(broker: TestBroker, { status, text, body }: Answer): string {
  const decision = (element(text, 'Message') || String(body.Message ?? '')).slice(-26);
  const records = broker.records().filter((record) => record.decision === decision);
  if (records.length !== 1) return `${status}, and ${records.length} records`;
  return `${status} ${element(text, 'Code') || body.Code} ${records[0]?.reason}`;
}

/** Credentials of `payments-aws` for this token. */
export async function keysFor(broker: TestBroker, token: string, more: Form = {}): Promise<AwsKeys> {
  const { status, text } = await sendForm(broker, assumption(token, more));
  if (status !== 200) throw new Error(text);
  return {
    accessKeyId: element(text, 'AccessKeyId'),
    secretAccessKey: element(text, 'SecretAccessKey'),
    sessionToken: element(text, 'SessionToken'),
  };
}

/** What a test changes of a signed request: how it is signed, and what becomes of it on its way. */
export interface Changes {
  readonly seconds?: number;
  readonly date?: string;
  readonly host?: string;
  readonly path?: string;
  readonly region?: string;
  readonly body?: string;
  /** Headers beside those of boto3; undefined removes one. Signed by `signs` alone. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Names of the signed headers, as the request says. */
  readonly signs?: readonly string[];
  /** After it was signed. */
  readonly sent?: {
    readonly path?: string;
    readonly method?: string;
    readonly body?: string;
    readonly headers?: Readonly<Record<string, string | string[] | undefined>>;
    readonly authorization?: (text: string) => string | string[] | undefined;
  };
}

export const SIGNED = ['content-type', 'host', 'x-amz-date', 'x-amz-security-token'];
export const WHO_AM_I = 'Action=GetCallerIdentity&Version=2011-06-15';

/** Sends a signed GetCallerIdentity. */
export function askIdentity(broker: TestBroker, keys: AwsKeys, changes: Changes = {}): Promise<Answer> {
  const { path = '/aws/sts', body = WHO_AM_I, region = 'eu-west-1', signs = SIGNED, sent = {} } = changes;
  const date = changes.date ?? dateOf(changes.seconds ?? broker.now());
  const headers = without({
    'content-type': FORM,
    host: changes.host ?? new URL(broker.issuer).host,
    'x-amz-date': date,
    'x-amz-security-token': keys.sessionToken,
    ...changes.headers,
  });
  const covered = signs.map((name): [string, string] => [name, headers[name] ?? '']);
  const signature = signatureOf({
    method: 'POST',
    path,
    pairs: [],
    headers: covered,
    date,
    region,
    secret: keys.secretAccessKey,
    body,
  });
  const credential = `${keys.accessKeyId}/${date.slice(0, 8)}/${region}/sts/aws4_request`;
  const text = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signs.join(';')}, Signature=${signature}`;
  const authorization = sent.authorization ? sent.authorization(text) : text;
  return broker.call(
    {
      // Node would take it from the header, and compare the certificate with that.
      servername: 'localhost',
      method: sent.method ?? 'POST',
      path: sent.path ?? path,
      headers: without({ ...headers, authorization, ...sent.headers }),
    },
    sent.body ?? body,
  );
}

const without = <Value>(headers: Readonly<Record<string, Value | undefined>>): Record<string, Value> =>
  Object.fromEntries(Object.entries(headers).filter((entry): entry is [string, Value] => entry[1] !== undefined));

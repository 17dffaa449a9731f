// The issuer of a target of kind `aws` by itself: its signer's key is published on loopback, and the stand-in for STS judges by that alone.

import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { AskCloud, CloudAttempt } from '../../src/core/cloud-ports.ts';
import type { IssueOrder, Issuer, Signer } from '../../src/core/ports.ts';
import { refuse } from '../../src/core/refusal.ts';
import { AWS_CREDENTIALS_TOKEN_TYPE } from '../../src/core/request.ts';
import { awsTarget } from '../../src/issuers/aws.ts';
import { createOutbound } from '../../src/outbound/fetch.ts';
import { parametersIn } from '../../src/parsing/template.ts';
import { orderFor } from '../contract/issuer.ts';
import { type AwsSession, type FakeAws, openFakeAws } from './fake-aws.ts';
import { openTlsServer } from './tls-server.ts';

export const ROLE = 'arn:aws:iam::111122223333:role/team/payments-api';

export interface AwsWorld extends AsyncDisposable {
  readonly aws: FakeAws;
  readonly issuer: string;
  readonly signer: Signer;
  /** What each attempt came to, in order. */
  readonly attempts: CloudAttempt<unknown>[];
  /** What is remembered of sessions. */
  readonly secrets: Map<string, string>;
  /** The issuer of the target `payments`; what is not written is as it is by default. */
  issuerOf(options?: Record<string, unknown>): Issuer;
  /** Issues, and says how it ended: `granted`, or the reason and the problem. */
  ended(order: IssueOrder, options?: Record<string, unknown>): Promise<string>;
  /** The last session that AWS gave. */
  session(): AwsSession;
}

export async function openAwsWorld(): Promise<AwsWorld> {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k', use: 'sig', alg: 'RS256' }] };
  const published = await openTlsServer(({ url }, response) => {
    const discovery = { issuer, jwks_uri: `${issuer}/jwks` };
    response.end(JSON.stringify(url === '/jwks' ? jwks : discovery));
  });
  const issuer = `https://localhost:${published.port}`;
  const aws = await openFakeAws({ issuers: () => [{ issuer, ca: published.ca }] });
  const outbound = createOutbound({ permitLoopback: true });
  const attempts: CloudAttempt<unknown>[] = [];
  const secrets = new Map<string, string>();
  const signer: Signer = {
    sign: (alg, typ, claims) => new SignJWT({ ...claims }).setProtectedHeader({ alg, typ, kid: 'k' }).sign(privateKey),
  };
  const ask: AskCloud = async ({ cloud, target }, attempt) => {
    const made = await attempt(1_000);
    attempts.push(made);
    return made.ok ? made : refuse({ reason: 'cloud_refused', cloud, target, problem: made.problem });
  };

  const issuerOf: AwsWorld['issuerOf'] = (options = {}) => {
    const written = { role: ROLE, region: 'eu-west-1', endpoint: `https://localhost:${aws.port}`, ca: '/aws.crt' };
    const chosen = awsTarget.options.parse({ ...written, ...options });
    const parameters = [...new Set(parametersIn(JSON.stringify(chosen)))].sort();
    const files = new Map([['/aws.crt', aws.ca]]);
    const kept = {
      get: async (key: string) => secrets.get(key),
      set: async (key: string, secret: string) => void secrets.set(key, secret),
    };
    const clouds = { ask, outbound, secrets: kept, files };
    return awsTarget.create({ issuer, signer, target: 'payments', parameters, clouds }, chosen);
  };

  return {
    aws,
    issuer,
    signer,
    attempts,
    secrets,
    issuerOf,
    async ended(order, options) {
      const issued = await issuerOf(options).issue(order);
      if (issued.ok) return 'granted';
      const { refusal } = issued;
      return 'problem' in refusal ? `${refusal.reason} ${refusal.problem}` : refusal.reason;
    },
    session() {
      const last = aws.sessions.at(-1);
      if (!last) throw new Error('AWS gave no session');
      return last;
    },
    async [Symbol.asyncDispose]() {
      outbound.close();
      await aws[Symbol.asyncDispose]();
      await published[Symbol.asyncDispose]();
    },
  };
}

/** An order for an hour, from now. */
export const hourFrom = (change: Parameters<typeof orderFor>[0] = {}): IssueOrder => {
  const issuedAt = Math.floor(Date.now() / 1_000);
  return orderFor({
    target: 'payments',
    issuedTokenType: AWS_CREDENTIALS_TOKEN_TYPE,
    scopes: [],
    issuedAt,
    expiresAt: issuedAt + 3_600,
    ...change,
  });
};

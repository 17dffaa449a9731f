// Stands in for AWS: the STS endpoint of a region, and one role that trusts the broker as an OIDC provider. It knows of the broker what AWS
// does, its issuer with the keys that are published there, and judges by that alone; what it gives opens nothing.

import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { mintServerCertificate } from './certificates.ts';

/** The role, and who may assume it: what its trust policy says of `aud` and `sub`. */
interface Role {
  readonly arn: string;
  readonly audience: string;
  readonly subject: string;
}

/** What the cloud's own log says of one session. */
export interface LoggedSession {
  readonly principal: string;
  readonly sourceIdentity: unknown;
  readonly tags: unknown;
  readonly seconds: number;
}

export interface Aws {
  readonly url: string;
  /** The authority of its certificate, in PEM. */
  readonly ca: string;
  readonly log: LoggedSession[];
  /** The broker that its OIDC provider is: known once it runs. */
  trust(provider: { readonly issuer: string; readonly keys: JSONWebKeySet }): void;
  close(): void;
}

/** Listens on 127.0.0.1. */
export async function openAws(roleOf: (issuer: string) => Role): Promise<Aws> {
  const { ca, cert, key } = await mintServerCertificate(['localhost'], { authorityName: 'Stand-in of AWS' });
  const log: LoggedSession[] = [];
  let provider: { readonly issuer: string; readonly keys: JSONWebKeySet } | undefined;
  const server = createServer({ cert, key }, (request, response) => {
    answer(request).then(
      ({ status, text }) => response.writeHead(status, { 'content-type': 'text/xml' }).end(text),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  async function answer(request: IncomingMessage): Promise<{ readonly status: number; readonly text: string }> {
    const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
    if (!provider) return refusal(400, 'InvalidIdentityToken');
    const { issuer, keys } = provider;
    const options = { issuer, algorithms: ['RS256', 'ES256'] };
    const token = form.get('WebIdentityToken') ?? '';
    const verified = await jwtVerify(token, createLocalJWKSet(keys), options).catch(() => undefined);
    if (!verified) return refusal(400, 'InvalidIdentityToken');
    const { payload } = verified;
    const role = roleOf(issuer);
    if (form.get('RoleArn') !== role.arn || payload.aud !== role.audience || payload.sub !== role.subject)
      return refusal(403, 'AccessDenied');
    const session = sessionOf(form, payload);
    log.push(session);
    return { status: 200, text: assumed(session, payload) };
  }

  return Object.freeze({
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    ca,
    log,
    trust(trusted: NonNullable<typeof provider>) {
      provider = trusted;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  });
}

function sessionOf(form: URLSearchParams, payload: JWTPayload): LoggedSession {
  const arn = (form.get('RoleArn') ?? '').replace(':iam:', ':sts:').replace(':role/', ':assumed-role/');
  const { principal_tags: tags } = (payload['https://aws.amazon.com/tags'] ?? {}) as { principal_tags?: unknown };
  return {
    principal: `${arn}/${form.get('RoleSessionName')}`,
    sourceIdentity: payload['https://aws.amazon.com/source_identity'],
    tags,
    seconds: Number(form.get('DurationSeconds')),
  };
}

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

const element = (name: string, inside: string): string => `<${name}>${inside}</${name}>`;

function assumed({ principal, seconds }: LoggedSession, { sub, aud }: JWTPayload): string {
  const credentials = [
    element('AccessKeyId', `ASIA${randomBytes(8).toString('hex').toUpperCase()}`),
    element('SecretAccessKey', randomBytes(30).toString('base64')),
    element('SessionToken', randomBytes(300).toString('base64')),
    element('Expiration', new Date(Date.now() + seconds * 1_000).toISOString()),
  ];
  const name = principal.slice(principal.lastIndexOf('/') + 1);
  const user = element('Arn', principal) + element('AssumedRoleId', `AROAEXAMPLEEXAMPLE00:${name}`);
  const result = [
    element('SubjectFromWebIdentityToken', String(sub)),
    element('Audience', String(aud)),
    element('AssumedRoleUser', user),
    element('Credentials', credentials.join('')),
  ];
  const inside = element('AssumeRoleWithWebIdentityResult', result.join(''));
  return `<AssumeRoleWithWebIdentityResponse xmlns="${NAMESPACE}">${inside}</AssumeRoleWithWebIdentityResponse>`;
}

const refusal = (status: number, code: string): { readonly status: number; readonly text: string } => {
  const error = element('Error', element('Type', 'Sender') + element('Code', code) + element('Message', code));
  return { status, text: `<ErrorResponse xmlns="${NAMESPACE}">${error}</ErrorResponse>` };
};

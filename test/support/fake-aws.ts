// AWS STS as far as a broker and unmodified SDKs speak to it, over TLS: AssumeRoleWithWebIdentity judges our JWT with nothing but our public
// JWKS, as AWS does.

import type { IncomingMessage } from 'node:http';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { openTlsServer, type TlsServer } from './tls-server.ts';

export interface FakeAws extends TlsServer {
  /** The forms that it was asked with. */
  readonly asked: URLSearchParams[];
}

export interface FakeAwsOptions {
  readonly issuer: () => string;
  readonly jwks: () => Promise<Parameters<typeof createLocalJWKSet>[0]>;
}

export async function openFakeAws({ issuer, jwks }: FakeAwsOptions): Promise<FakeAws> {
  const asked: URLSearchParams[] = [];
  const server = await openTlsServer((request, response) => {
    void answer(request).then(({ status, text }) =>
      response.writeHead(status, { 'content-type': 'text/xml' }).end(text),
    );
  });
  async function answer(request: IncomingMessage): Promise<{ status: number; text: string }> {
    const form = new URLSearchParams(await bodyOf(request));
    asked.push(form);
    try {
      const { payload } = await jwtVerify(form.get('WebIdentityToken') ?? '', createLocalJWKSet(await jwks()), {
        issuer: issuer(),
        algorithms: ['RS256'],
      });
      return { status: 200, text: granted(form, payload.sub ?? '', String(payload.aud)) };
    } catch {
      return { status: 400, text: refused('InvalidIdentityToken') };
    }
  }
  return { ...server, asked };
}

const granted = (form: URLSearchParams, subject: string, audience: string): string => {
  const [, , , , account, role = ''] = (form.get('RoleArn') ?? '').split(':');
  const name = role.slice(role.lastIndexOf('/') + 1);
  const session = form.get('RoleSessionName');
  const until = new Date(Date.now() + Number(form.get('DurationSeconds')) * 1_000).toISOString();
  return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><SubjectFromWebIdentityToken>${subject}</SubjectFromWebIdentityToken><Audience>${audience}</Audience><AssumedRoleUser><Arn>arn:aws:sts::${account}:assumed-role/${name}/${session}</Arn><AssumedRoleId>AROAEXAMPLE:${session}</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken><Expiration>${until}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;
};

const refused = (code: string): string =>
  `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>x</Message></Error><RequestId>r</RequestId></ErrorResponse>`;

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

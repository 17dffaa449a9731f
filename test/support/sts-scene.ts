// A source of AWS roles and the STS that it asks, over TLS: what tests present signed requests to.

import { AWS_REQUEST_TOKEN_TYPE, type SubjectTokenType } from '../../src/core/request.ts';
import { createOutbound } from '../../src/outbound/fetch.ts';
import { awsCallerIdentity } from '../../src/verifiers/aws-caller-identity.ts';
import type { SourceSettings, SourceVerifier } from '../../src/verifiers/kind.ts';
import { createVerifiers } from '../../src/verifiers/registry.ts';
import { AUDIENCE, NOW, partsOf, settingsOf } from './sources.ts';
import { type Caller, openSts, type Presigning, presign, type StsServer } from './sts-server.ts';

export const HOST = 'sts.eu-west-1.amazonaws.com';
export const ROLE_ID = 'AROAEXAMPLEEXAMPLE12';

export const caller = (Arn: string, UserId: string, accessKeyId = 'ASIAEXAMPLEEXAMPLE12'): Caller => ({
  accessKeyId,
  secret: 'a/secret+of=tests',
  sessionToken: 'IQoJb3JpZ2luX2VjEXAMPLE/+==',
  identity: { Account: '111122223333', Arn, UserId },
});
export const WORKER = caller('arn:aws:sts::111122223333:assumed-role/order-worker/i-0abc', `${ROLE_ID}:i-0abc`);

/** A request of WORKER, for us, five seconds old. */
export const signed = (more: Partial<Presigning> = {}): string =>
  presign({ caller: WORKER, host: HOST, region: 'eu-west-1', signedAtSeconds: NOW - 5, audience: AUDIENCE, ...more });

export interface StsScene extends AsyncDisposable {
  readonly sts: StsServer;
  /** What the broker's clock has run. */
  readonly elapsed: { ms: number };
  /** An STS elsewhere, which a test closes. */
  open(host: string, region: string): Promise<StsServer>;
  verifierOf(more?: Partial<SourceSettings>, regions?: readonly string[], asked?: StsServer): Promise<SourceVerifier>;
  present(
    text: string,
    verifier?: SourceVerifier,
    tokenType?: SubjectTokenType,
  ): Promise<Awaited<ReturnType<ReturnType<typeof createVerifiers>['verify']>>>;
  /** `proved`, or the reason with its evidence. */
  verdict(text: string, verifier?: SourceVerifier): Promise<string>;
}

export async function openStsScene(): Promise<StsScene> {
  const outbound = createOutbound({ permitLoopback: true });
  const elapsed = { ms: 0 };
  const open = (host: string, region: string) => openSts({ host, region, now: () => NOW, outbound });
  const sts = await open(HOST, 'eu-west-1');
  sts.callers.set(WORKER.accessKeyId, WORKER);

  const verifierOf: StsScene['verifierOf'] = async (more = {}, regions = ['eu-west-1'], asked = sts) =>
    awsCallerIdentity.create(
      settingsOf('aws', more),
      { regions: [...regions] },
      {
        ...(await partsOf()),
        outbound: asked.outbound,
        clock: { nowSeconds: () => NOW, elapsedMs: () => elapsed.ms },
      },
    );
  const present: StsScene['present'] = async (text, verifier, tokenType = AWS_REQUEST_TOKEN_TYPE) =>
    createVerifiers([verifier ?? (await verifierOf())], AUDIENCE).verify({ text, tokenType }, 'subject', NOW);

  return {
    sts,
    elapsed,
    open,
    verifierOf,
    present,
    async verdict(text, verifier) {
      const result = await present(text, verifier);
      if (result.ok) return 'proved';
      const { refusal } = result;
      const evidence = 'problem' in refusal ? refusal.problem : 'claim' in refusal ? refusal.claim : undefined;
      return evidence === undefined ? refusal.reason : `${refusal.reason} ${evidence}`;
    },
    async [Symbol.asyncDispose]() {
      outbound.close();
      await sts[Symbol.asyncDispose]();
    },
  };
}

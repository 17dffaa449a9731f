// Lints about targets of clouds as exchequer.yaml configures them: what a cloud that trusts our issuer would take beside what is meant, and
// what it would not take at all. Findings stand in that file, and a target accepts them by name like a rule does.

import { problemAt } from '../../parsing/problems.ts';
import type { YamlDocument, YamlPath } from '../../parsing/yaml.ts';
import type { Finding } from './finding.ts';
import { ACCEPT_UNKNOWN, judgeAccept } from './lint-accept.ts';
import type { LintText } from './lint-view.ts';

/** A target, as its lints look at it. */
export interface LintedTarget {
  readonly name: string;
  /** A cloud issues it. */
  readonly cloud: boolean;
  /** The `aud` of what is signed for it. */
  readonly signedFor: string;
  /** Lint rules that it accepts, with the reason. */
  readonly accept: Readonly<Record<string, string>>;
}

interface TargetLint extends LintText {
  /** Places below the target. */
  readonly fires: (target: LintedTarget, issuer: string) => readonly YamlPath[];
}

/** What a cloud takes for its own where nobody says otherwise, in whatever account, tenant or project. */
const CLOUD_WIDE = [
  /^sts\.amazonaws\.com(?:\.cn)?$/,
  /^api:\/\/AzureADTokenExchange(?:China|USGov|USNat|USSec|Germany)?$/i,
  /^(?:https?:)?\/\/iam\.googleapis\.com\/projects\/[^/]+\/locations\/[^/]+\/workloadIdentityPools\/.+$/,
];

export const TARGET_LINTS: readonly TargetLint[] = [
  {
    name: 'shared-audience',
    row: 'CA-03, CG-02, CZ-02',
    severity: 'error',
    when: 'the `audience` of a target is one that a cloud takes for its own in every account, tenant or project',
    why: 'whatever trusts our issuer there and pins no `sub` is opened by this target, and by every other one with this audience',
    mend: 'leave `audience` out, so that it is of this target alone, or accept this where the cloud takes no other',
    fires: ({ signedFor }) => (CLOUD_WIDE.some((one) => one.test(signedFor)) ? [['audience']] : []),
  },
  {
    name: 'issuer-port',
    row: 'CA-01',
    severity: 'warning',
    when: 'there is a target of a cloud, and our issuer has a port',
    why: 'AWS takes no issuer that has a port, and clouds reach what the public reaches',
    mend: 'give the broker an issuer without one, or accept this where the cloud is a stand-in',
    fires: ({ cloud }, issuer) => (cloud && new URL(issuer).port !== '' ? [[]] : []),
  },
];

/** Every finding about the targets of a configuration. `known`: the names of all lints, for those that accept one. */
export function lintTargets(
  { document, issuer }: { readonly document: YamlDocument; readonly issuer: string },
  targets: readonly LintedTarget[],
  known: readonly string[],
): readonly Finding[] {
  return targets.flatMap((target) => {
    const { name: about, accept } = target;
    const path = ['targets', about];
    const finding = ({ name, severity }: LintText, place: YamlPath, message: string): Finding => ({
      lint: name,
      severity,
      problem: { ...problemAt(document, place, message), lint: name },
      about,
      accepted: name !== ACCEPT_UNKNOWN.name && Object.hasOwn(accept, name) ? accept[name] : undefined,
    });
    const findings = TARGET_LINTS.flatMap((lint) =>
      lint.fires(target, issuer).map((below) => finding(lint, [...path, ...below], `${lint.why}; ${lint.mend}`)),
    );
    const fired = new Set(findings.map(({ lint }) => lint));
    const judged = judgeAccept({ document, path, accept, known, fired });
    return [...findings, ...judged.map(({ lint, at, message }) => finding(lint, at, message))];
  });
}

// The endpoints that requests are recorded on: those of OAuth that take a form, and the facades that speak a cloud's own protocol. Each
// hands what it received to an operation, and renders what that comes to; none decides anything. Which of them a path means, byte for byte.

import type { Outcome } from '../../core/operation.ts';
import { awsContainer } from './aws-container.ts';
import { awsSts } from './aws-sts.ts';
import type { Endpoint, EndpointParts } from './endpoint.ts';
import { OWN_TOKEN_FORM, TOKEN_FORM } from './form-request.ts';
import { gcpIntrospect } from './gcp-introspect.ts';
import { gcpSts } from './gcp-sts.ts';
import type { Paths } from './metadata.ts';
import { renderIntrospection, renderRevocation } from './own-token.ts';
import { type FormEndpoint, serveForm } from './serve-form.ts';
import { renderOutcome } from './wire.ts';

export function endpointsOf(parts: EndpointParts, paths: Paths): readonly Endpoint[] {
  const { origin } = new URL(parts.issuer);
  const at = <Asked, Done>(path: string, form: FormEndpoint<Asked, Done>): Endpoint => ({
    method: 'POST',
    path,
    targets: 'none',
    serve: serveForm(form, origin + path, parts.nonce),
  });
  const token = { form: TOKEN_FORM, render: (outcome: Outcome) => renderOutcome(outcome, parts.sentence) };
  return [
    at(paths.token, { ...token, operation: parts.exchange }),
    at(paths.decide, { ...token, operation: parts.dryRun }),
    at(paths.introspect, { form: OWN_TOKEN_FORM, render: renderIntrospection, operation: parts.introspect }),
    at(paths.revoke, { form: OWN_TOKEN_FORM, render: renderRevocation, operation: parts.revoke }),
    awsSts(paths.awsSts, parts),
    awsContainer(paths.awsCredentials, parts),
    gcpSts(paths.gcpToken, parts),
    gcpIntrospect(paths.gcpIntrospect, parts),
  ];
}

/** An endpoint, and the target that its path names. */
export interface Found {
  readonly endpoint: Endpoint;
  readonly target: string | undefined;
}

/** A target's name, as configuration has it. */
const TARGET = /^\/([a-z][a-z0-9-]{0,62})\/?$/;

/** The endpoint of a path, byte for byte. */
export function endpointAt(endpoints: readonly Endpoint[], path: string): Found | undefined {
  for (const endpoint of endpoints) {
    if (path !== endpoint.path && !path.startsWith(`${endpoint.path}/`)) continue;
    const rest = path.slice(endpoint.path.length);
    if (endpoint.targets !== 'required' && (rest === '' || (rest === '/' && endpoint.targets === 'optional')))
      return { endpoint, target: undefined };
    const target = endpoint.targets === 'none' ? undefined : TARGET.exec(rest)?.[1];
    if (target !== undefined) return { endpoint, target };
  }
  return undefined;
}

/** The routes of an endpoint, as the router writes them. */
export const routesOf = ({ path, targets }: Endpoint): readonly string[] => [
  ...(targets === 'required' ? [] : [path]),
  ...(targets === 'optional' ? [`${path}/`] : []),
  ...(targets === 'none' ? [] : [`${path}/:target`, `${path}/:target/`]),
];

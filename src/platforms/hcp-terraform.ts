// HCP Terraform and Terraform Enterprise workload identity: runs of a workspace, and deployments of a stack. `sub` is made of
// names: it is recorded and decides nothing. A plan runs the code of whoever can open a pull request, so a source takes plans
// only where its `require` says so. A run has one token for each phase: it is spent once for each target.

import { ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

const optional = { type: 'text' } as const;
const required = { type: 'text', required: true } as const;

export const HCP_TERRAFORM_ISSUER = 'https://app.terraform.io';

export const HCP_TERRAFORM: PlatformTable = {
  kind: 'hcp-terraform',
  issuer: HCP_TERRAFORM_ISSUER,
  algorithms: ['RS256'],
  typ: ['JWT', undefined],
  tokenTypes: [JWT_TOKEN_TYPE, ID_TOKEN_TYPE],
  // As long as the phase may take; a day at most.
  lifetimeSecondsMax: 86_400,
  longLived: true,
  replay: 'once-per-target',
  shared: {
    issuers: [HCP_TERRAFORM_ISSUER, 'https://app.eu.terraform.io'],
    tenancy: ['organization_id', 'project_id', 'workspace_id', 'stack_id'],
  },
  claims: {
    organization_id: { ...required, path: ['terraform_organization_id'] },
    organization_name: { ...optional, path: ['terraform_organization_name'] },
    project_id: { ...optional, path: ['terraform_project_id'] },
    project_name: { ...optional, path: ['terraform_project_name'] },
    workspace_id: { ...optional, path: ['terraform_workspace_id'] },
    workspace_name: { ...optional, path: ['terraform_workspace_name'] },
    full_workspace: { ...optional, path: ['terraform_full_workspace'] },
    run_id: { ...optional, path: ['terraform_run_id'] },
    run_phase: { ...optional, path: ['terraform_run_phase'], forbidden: ['plan'] },
    stack_id: { ...optional, path: ['terraform_stack_id'] },
    stack_name: { ...optional, path: ['terraform_stack_name'] },
    deployment_name: { ...optional, path: ['terraform_stack_deployment_name'] },
    operation: { ...optional, path: ['terraform_operation'], forbidden: ['plan'] },
    plan_id: { ...optional, path: ['terraform_plan_id'] },
    sub: optional,
  },
  variants: [
    ['workspace_id', 'run_phase'],
    ['stack_id', 'deployment_name', 'operation'],
  ],
  name: [
    [{ field: 'workspace_id' }, { field: 'stack_id' }],
    [{ field: 'run_phase' }, { fields: ['deployment_name', 'operation'] }],
  ],
  pins: {
    all: ['organization_id'],
    context: [{ field: 'workspace_id' }, { field: 'stack_id' }],
    phase: [{ field: 'run_phase' }, { field: 'operation' }],
  },
  tight: ['run_phase', 'deployment_name', 'operation', 'project_id'],
};

import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import { resolveChannelGroupPolicy, resolveChannelGroupRequireMention } from "openclaw/plugin-sdk/channel-policy";
import {
  resolveDefaultGroupPolicy,
  resolveOpenProviderRuntimeGroupPolicy,
} from "openclaw/plugin-sdk/runtime-group-policy";
import { resolveGroupSessionKey } from "openclaw/plugin-sdk/session-store-runtime";
import type { Self } from "../agents.js";
import type { Account } from "../config/account.js";
import { CHANNEL_ID, channelSettings, type Settings } from "../config/settings.js";
import { normalizeTarget } from "../outbound/targets.js";
import { type Person, samePerson } from "./person.js";

/** Who may talk to the account, as the configuration says now. */
export interface Policy {
  settings: Settings;
  dmPolicy: NonNullable<Settings["dmPolicy"]>;
  groupPolicy: NonNullable<Settings["groupPolicy"]>;
  /** `allowFrom` as configured: the owners. */
  allowFrom: string[];
  /** `allowFrom`, else the account itself. */
  dmAllowFrom: string[];
  /** `groupAllowFrom`, else `allowFrom`. */
  groupAllowFrom: string[];
  /** The account is the owner's personal number: no read receipts, and its own messages are requests. */
  isSelfChat: boolean;
  /** There is no configuration of the channel at all, so groups are closed. */
  providerMissingFallbackApplied: boolean;
}

export function resolvePolicy(cfg: OpenClawConfig, account: Account, self: Self): Policy {
  const { settings } = account;
  const allowFrom = (settings.allowFrom ?? []).map(String);
  const groups = (settings.groupAllowFrom ?? []).map(String);
  const runtime = resolveOpenProviderRuntimeGroupPolicy({
    providerConfigPresent: channelSettings(cfg) !== undefined,
    groupPolicy: settings.groupPolicy,
    defaultGroupPolicy: resolveDefaultGroupPolicy(cfg),
  });
  return {
    settings,
    dmPolicy: settings.dmPolicy ?? "pairing",
    groupPolicy: runtime.groupPolicy,
    allowFrom,
    dmAllowFrom: allowFrom.length > 0 ? allowFrom : self.phone ? [self.phone] : [],
    groupAllowFrom: groups.length > 0 ? groups : allowFrom,
    isSelfChat: settings.selfChatMode ?? isSelfChat(self, allowFrom),
    providerMissingFallbackApplied: runtime.providerMissingFallbackApplied,
  };
}

/** The account's own number on its allowlist is how a personal number is recognised when `selfChatMode` is not set. */
function isSelfChat(self: Self, allowFrom: string[]): boolean {
  if (!self.phone) return false;
  return allowFrom.some((entry) => normalizeTarget(entry) === self.phone);
}

/** Whether a person is the account itself. */
export function isSelf(self: Self, person: Person | undefined): boolean {
  return samePerson(self, person);
}

/** Whether the `groups` map admits a group. A map without it, and without "*", closes the group. */
export function groupAdmission(policy: Policy, group: string): { listed: boolean; requireMention: boolean } {
  const cfg = groupConfig(policy);
  const groupId = groupIdOf(group);
  const decision = resolveChannelGroupPolicy({
    cfg,
    channel: CHANNEL_ID,
    groupId,
    hasGroupAllowFrom: policy.groupAllowFrom.length > 0,
  });
  return {
    listed: !decision.allowlistEnabled || decision.allowed,
    requireMention: resolveChannelGroupRequireMention({ cfg, channel: CHANNEL_ID, groupId }),
  };
}

/** The SDK resolves groups from a configuration, and does not know how this channel merges its accounts. */
function groupConfig(policy: Policy): OpenClawConfig {
  return {
    channels: { whatsapp: { groupPolicy: policy.groupPolicy, groups: policy.settings.groups } },
  } as OpenClawConfig;
}

function groupIdOf(group: string): string {
  return resolveGroupSessionKey({ From: group, ChatType: "group", Provider: CHANNEL_ID })?.id ?? group;
}

/** Whether a person is an owner: on `allowFrom`, or the account itself if that is empty. "*" makes nobody an owner. */
export function isOwner(policy: Policy, self: Self, person: Person): boolean {
  if (policy.allowFrom.length === 0) return isSelf(self, person);
  const owners = policy.allowFrom.map((entry) => normalizeTarget(entry));
  return [person.phone, person.lid].some((id) => id !== undefined && owners.includes(id));
}

/** The configuration with the account's own settings at the channel's root, where the gateway's helpers read them. */
export function accountConfig(cfg: OpenClawConfig, account: Account): OpenClawConfig {
  const { settings } = account;
  return {
    ...cfg,
    channels: {
      ...cfg.channels,
      whatsapp: {
        ...cfg.channels?.whatsapp,
        responsePrefix: settings.responsePrefix,
        allowFrom: settings.allowFrom,
        groupAllowFrom: settings.groupAllowFrom,
        groupPolicy: settings.groupPolicy,
        textChunkLimit: settings.textChunkLimit,
        streaming: settings.streaming,
        mediaMaxMb: settings.mediaMaxMb,
        groups: settings.groups,
      },
    },
  } as OpenClawConfig;
}

/** The system prompt of a group or a person: the most specific entry that sets one; an empty one suppresses "*". */
export function systemPromptOf(
  prompts: Record<string, { systemPrompt?: string } | undefined> | undefined,
  id: string,
): string | undefined {
  const prompt = prompts?.[id]?.systemPrompt ?? prompts?.["*"]?.systemPrompt;
  return prompt?.trim() || undefined;
}

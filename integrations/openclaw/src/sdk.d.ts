/** Parts of the gateway's SDK that it ships without types. */
declare module "openclaw/plugin-sdk/runtime-doctor-migrations" {
  import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";

  interface Rule {
    path: string[];
    message: string;
    match?: (value: unknown) => boolean;
  }

  /** Repairs the old spellings of `streaming`. */
  export function defineChannelAliasMigration(spec: {
    channelId: string;
    streaming: { defaultMode: string; deliveryOnly: boolean };
    accountStreamingInheritsDefaultAccount: boolean;
  }): {
    legacyConfigRules: Rule[];
    normalizeChannelConfig(params: { cfg: OpenClawConfig; changes: string[] }): {
      config: OpenClawConfig;
      changes: string[];
    };
  };
}

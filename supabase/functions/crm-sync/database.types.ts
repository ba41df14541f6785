// Generated from supabase/migrations by npm run types.

export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  public: {
    Tables: {
      customers: {
        Row: {
          client_type: string | null;
          company_name: string | null;
          created_at: string;
          email: string | null;
          full_name: string | null;
          id: string;
          phone: string | null;
          siren: string | null;
          updated_at: string;
        };
        ComputedFields: never;
        Insert: {
          client_type?: string | null;
          company_name?: string | null;
          created_at?: string;
          email?: string | null;
          full_name?: string | null;
          id?: string;
          phone?: string | null;
          siren?: string | null;
          updated_at?: string;
        };
        Update: {
          client_type?: string | null;
          company_name?: string | null;
          created_at?: string;
          email?: string | null;
          full_name?: string | null;
          id?: string;
          phone?: string | null;
          siren?: string | null;
          updated_at?: string;
        };
        Relationships: [];
      };
      leads: {
        Row: {
          connection_type: string | null;
          created_at: string;
          email: string | null;
          firstname: string | null;
          full_name: string | null;
          id: string;
          lastname: string | null;
          phone: string | null;
          postal_code: string | null;
          source: string | null;
          updated_at: string;
          utm_campaign: string | null;
          utm_medium: string | null;
          utm_source: string | null;
        };
        ComputedFields: never;
        Insert: {
          connection_type?: string | null;
          created_at?: string;
          email?: string | null;
          firstname?: string | null;
          full_name?: string | null;
          id?: string;
          lastname?: string | null;
          phone?: string | null;
          postal_code?: string | null;
          source?: string | null;
          updated_at?: string;
          utm_campaign?: string | null;
          utm_medium?: string | null;
          utm_source?: string | null;
        };
        Update: {
          connection_type?: string | null;
          created_at?: string;
          email?: string | null;
          firstname?: string | null;
          full_name?: string | null;
          id?: string;
          lastname?: string | null;
          phone?: string | null;
          postal_code?: string | null;
          source?: string | null;
          updated_at?: string;
          utm_campaign?: string | null;
          utm_medium?: string | null;
          utm_source?: string | null;
        };
        Relationships: [];
      };
      orders: {
        Row: {
          client_address: string | null;
          client_city: string | null;
          client_name: string | null;
          client_phone: string | null;
          confirmed_at: string | null;
          created_at: string;
          id: string;
          order_number: string | null;
          product_name: string | null;
          quantity: number | null;
          status: string | null;
          total_amount: number | null;
          unit_price: number | null;
          updated_at: string;
        };
        ComputedFields: never;
        Insert: {
          client_address?: string | null;
          client_city?: string | null;
          client_name?: string | null;
          client_phone?: string | null;
          confirmed_at?: string | null;
          created_at?: string;
          id?: string;
          order_number?: string | null;
          product_name?: string | null;
          quantity?: number | null;
          status?: string | null;
          total_amount?: number | null;
          unit_price?: number | null;
          updated_at?: string;
        };
        Update: {
          client_address?: string | null;
          client_city?: string | null;
          client_name?: string | null;
          client_phone?: string | null;
          confirmed_at?: string | null;
          created_at?: string;
          id?: string;
          order_number?: string | null;
          product_name?: string | null;
          quantity?: number | null;
          status?: string | null;
          total_amount?: number | null;
          unit_price?: number | null;
          updated_at?: string;
        };
        Relationships: [];
      };
      payments: {
        Row: {
          amount: number | null;
          created_at: string;
          currency: string | null;
          id: string;
          request_id: string | null;
          status: string | null;
          stripe_payment_intent_id: string | null;
          stripe_session_id: string | null;
          updated_at: string;
        };
        ComputedFields: never;
        Insert: {
          amount?: number | null;
          created_at?: string;
          currency?: string | null;
          id?: string;
          request_id?: string | null;
          status?: string | null;
          stripe_payment_intent_id?: string | null;
          stripe_session_id?: string | null;
          updated_at?: string;
        };
        Update: {
          amount?: number | null;
          created_at?: string;
          currency?: string | null;
          id?: string;
          request_id?: string | null;
          status?: string | null;
          stripe_payment_intent_id?: string | null;
          stripe_session_id?: string | null;
          updated_at?: string;
        };
        Relationships: [
          {
            foreignKeyName: "payments_request_id_fkey";
            columns: ["request_id"];
            isOneToOne: false;
            referencedRelation: "requests";
            referencedColumns: ["id"];
          },
        ];
      };
      requests: {
        Row: {
          address: string | null;
          city: string | null;
          created_at: string;
          customer_id: string | null;
          id: string;
          is_viabilise: boolean | null;
          phase: string | null;
          power_kva: number | null;
          status: string | null;
          type_raccordement: string | null;
          updated_at: string;
          usage: string | null;
          zip_code: string | null;
        };
        ComputedFields: never;
        Insert: {
          address?: string | null;
          city?: string | null;
          created_at?: string;
          customer_id?: string | null;
          id?: string;
          is_viabilise?: boolean | null;
          phase?: string | null;
          power_kva?: number | null;
          status?: string | null;
          type_raccordement?: string | null;
          updated_at?: string;
          usage?: string | null;
          zip_code?: string | null;
        };
        Update: {
          address?: string | null;
          city?: string | null;
          created_at?: string;
          customer_id?: string | null;
          id?: string;
          is_viabilise?: boolean | null;
          phase?: string | null;
          power_kva?: number | null;
          status?: string | null;
          type_raccordement?: string | null;
          updated_at?: string;
          usage?: string | null;
          zip_code?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "requests_customer_id_fkey";
            columns: ["customer_id"];
            isOneToOne: false;
            referencedRelation: "customers";
            referencedColumns: ["id"];
          },
        ];
      };
    };
    Views: {
      [_ in never]: never;
    };
    Functions: {
      crm_sync_deliveries: {
        Args: {
          p_before?: number;
          p_limit?: number;
          p_row_id?: string;
          p_status?: string;
          p_table?: string;
        };
        Returns: {
          attempt_count: number;
          captured_at: string;
          delivery_id: number;
          destination: string;
          finished_at: string;
          last_error: string;
          last_error_code: string;
          last_status: number;
          next_attempt_at: string;
          route: string;
          row_id: string;
          status: string;
          table_name: string;
        }[];
      };
      crm_sync_health: {
        Args: Record<PropertyKey, never>;
        Returns: {
          check_name: string;
          detail: string;
          level: string;
          mend: string;
        }[];
      };
      crm_sync_redeliver: {
        Args: { p_delivery_ids?: number[]; p_note?: string; p_row_id?: string; p_table?: string };
        Returns: {
          delivery_id: number;
          reason: string;
          redelivered: boolean;
          status: string;
        }[];
      };
      crm_sync_row_status: { Args: { p_row_id: string; p_table: string }; Returns: string };
    };
    Enums: {
      [_ in never]: never;
    };
    CompositeTypes: {
      [_ in never]: never;
    };
  };
};

type DatabaseWithoutInternals = Omit<Database, "__InternalSupabase">;

type DefaultSchema = DatabaseWithoutInternals[Extract<keyof Database, "public">];

export type Tables<
  DefaultSchemaTableNameOrOptions extends
    | keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
        DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
      DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])[TableName] extends {
      Row: infer R;
    }
    ? R
    : never
  : DefaultSchemaTableNameOrOptions extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    ? (DefaultSchema["Tables"] & DefaultSchema["Views"])[DefaultSchemaTableNameOrOptions] extends {
        Row: infer R;
      }
      ? R
      : never
    : never;

export type TablesInsert<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Insert: infer I;
    }
    ? I
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
        Insert: infer I;
      }
      ? I
      : never
    : never;

export type TablesUpdate<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Update: infer U;
    }
    ? U
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
        Update: infer U;
      }
      ? U
      : never
    : never;

export type Enums<
  DefaultSchemaEnumNameOrOptions extends
    | keyof DefaultSchema["Enums"]
    | { schema: keyof DatabaseWithoutInternals },
  EnumName extends DefaultSchemaEnumNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"]
    : never = never,
> = DefaultSchemaEnumNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"][EnumName]
  : DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"]
    ? DefaultSchema["Enums"][DefaultSchemaEnumNameOrOptions]
    : never;

export type CompositeTypes<
  PublicCompositeTypeNameOrOptions extends
    | keyof DefaultSchema["CompositeTypes"]
    | { schema: keyof DatabaseWithoutInternals },
  CompositeTypeName extends PublicCompositeTypeNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"]
    : never = never,
> = PublicCompositeTypeNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"][CompositeTypeName]
  : PublicCompositeTypeNameOrOptions extends keyof DefaultSchema["CompositeTypes"]
    ? DefaultSchema["CompositeTypes"][PublicCompositeTypeNameOrOptions]
    : never;

export const Constants = {
  public: {
    Enums: {},
  },
} as const;

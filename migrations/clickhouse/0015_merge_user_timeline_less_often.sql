-- As events (0012).
ALTER TABLE user_timeline MODIFY SETTING
    min_parts_to_merge_at_once = 24,
    merge_selector_base = 24,
    merge_selector_enable_heuristic_to_lower_max_parts_to_merge_at_once = 0;

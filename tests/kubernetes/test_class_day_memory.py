"""A class day against an API server over real HTTP, where there is no cluster: what differs most from one machine."""

from tests.kubernetes.class_day import (  # noqa: F401
    test_a_class_is_checked_opened_used_watched_collected_and_closed,
    test_a_door_that_the_cluster_has_not_is_refused_before_anything_is_made,
    test_a_dry_run_prints_the_manifests_and_makes_nothing,
    test_a_port_of_this_machine_leads_in_where_the_cluster_has_no_door,
    test_acts_go_the_same_way_as_on_one_machine,
    test_another_machine_finds_the_class_its_links_and_who_sits_where,
    test_down_that_was_killed_is_finished_by_the_next_down,
    test_the_role_to_ask_for_is_that_of_the_workshop_in_the_current_folder,
    test_up_that_was_killed_is_finished_by_the_next_up,
)

CLUSTER = "memory"

"""What the centre watches of itself: silent stations, the books, the feed, carriers, calibrations."""
